package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// secret signs what goes to fixed URLs in these tests.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver is somebody's server: it verifies every request, and answers as it is told.
type receiver struct {
	*httptest.Server
	keys []signature.Key
	// address is how messages name it.
	address string

	mu         sync.Mutex
	behaviour  string
	accepted   []taken
	tries      int
	unverified int
	stalled    chan struct{}
	stop       chan struct{}
}

// taken is one request.
type taken struct {
	header http.Header
	body   []byte
}

func newReceiver(tb testing.TB, keys ...string) *receiver {
	tb.Helper()
	r := &receiver{stop: make(chan struct{})}
	for _, text := range keys {
		key, err := signature.ParseKey(text)
		require.NoError(tb, err)
		r.keys = append(r.keys, key)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	tb.Cleanup(func() {
		close(r.stop)
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.tries++
	if _, err := signature.Verify(req.Header, body, r.keys, nil); err != nil || req.Method != http.MethodPost {
		r.unverified++
	}
	behaviour, stalled := r.behaviour, r.stalled
	r.mu.Unlock()
	if stalled != nil {
		close(stalled)
		select {
		case <-r.stop:
		case <-req.Context().Done():
		}
		return
	}
	r.answer(w, req, behaviour, body)
}

// answers are what a receiver can do: a status, or more.
var answers = map[string]int{
	"": 204, "ok": 200, "accepted": 202, "moved": 301, "redirect": 307, "bad": 400, "unauthorized": 401, "missing": 404,
	"timeout": 408, "gone": 410, "teapot": 418, "early": 425, "limited": 429, "waiting": 429, "error": 500, "gateway": 502,
	"overloaded": 503, "busy": 503, "slow": 504,
}

func (r *receiver) answer(w http.ResponseWriter, req *http.Request, behaviour string, body []byte) {
	switch behaviour {
	case "cut":
		panic(http.ErrAbortHandler)
	case "waiting", "busy":
		w.Header().Set("Retry-After", "120")
	case "moved", "redirect":
		w.Header().Set("Location", "http://169.254.169.254/latest")
	}
	status := answers[behaviour]
	if status < 300 {
		r.mu.Lock()
		r.accepted = append(r.accepted, taken{req.Header.Clone(), body})
		r.mu.Unlock()
	}
	w.WriteHeader(status)
	if status != 204 {
		_, _ = io.WriteString(w, "you sent "+string(body)+" to "+req.URL.String()+" with "+secret)
	}
}

func (r *receiver) all() []taken {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]taken(nil), r.accepted...)
}

func (r *receiver) Tries() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tries
}

func (r *receiver) Behave(behaviour string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.behaviour = behaviour
}

func (r *receiver) Stall() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stalled = make(chan struct{})
	return r.stalled
}

// Deliveries are what was accepted, without what belongs to a single try.
func (r *receiver) Deliveries() []transporttest.Delivery {
	var list []transporttest.Delivery
	for _, one := range r.all() {
		var body struct {
			Content struct {
				Title, Message string
				ActionURL      string `json:"action_url"`
				ActionLabel    string `json:"action_label"`
			}
		}
		if json.Unmarshal(one.body, &body) != nil {
			continue
		}
		c := body.Content
		list = append(list, transporttest.Delivery{
			Key: one.header.Get(signature.HeaderID), Body: one.body, Address: r.address,
			Content: transports.Content{Title: c.Title, Message: c.Message, ActionURL: c.ActionURL, ActionLabel: c.ActionLabel},
		})
	}
	return list
}

// hook is the URL that it was registered with, which has a secret of its own.
func (r *receiver) hook() string { return r.URL + "/hooks/canary-path?token=canary-token" }

func (r *receiver) port() string { return r.URL[strings.LastIndexByte(r.URL, ':')+1:] }
