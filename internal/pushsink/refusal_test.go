package pushsink_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	push "github.com/SherClockHolmes/webpush-go"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/pushsink"
)

// grab keeps the request that a sender would make.
type grab struct{ req *http.Request }

func (g *grab) Do(req *http.Request) (*http.Response, error) {
	g.req = req
	return nil, errors.New("not sent")
}

// request is one that is right, but for what the options have wrong.
func request(t *testing.T, s pushsink.Subscription, o push.Options) (*http.Request, []byte) {
	t.Helper()
	var g grab
	o.HTTPClient = &g
	response, err := push.SendNotification([]byte(`{"title":"hello"}`), &push.Subscription{ //nolint:bodyclose // grab gives no response
		Endpoint: s.Endpoint, Keys: push.Keys{P256dh: s.Keys.P256dh, Auth: s.Keys.Auth},
	}, &o)
	require.Error(t, err)
	require.Nil(t, response)
	body, err := io.ReadAll(g.req.Body)
	require.NoError(t, err)
	return g.req, body
}

// TestWhatPushServicesRefuseIsRefused, each for one thing that is wrong.
func TestWhatPushServicesRefuseIsRefused(t *testing.T) {
	t.Parallel()
	private, public, err := push.GenerateVAPIDKeys()
	require.NoError(t, err)
	otherPrivate, otherPublic, err := push.GenerateVAPIDKeys()
	require.NoError(t, err)
	const base = "http://push.example.com"
	for name, c := range map[string]struct {
		options func(*push.Options)
		change  func(r *http.Request, body *[]byte)
		clock   time.Duration
		gone    bool
		want    int
	}{
		"right":                     {want: 0},
		"with all headers":          {options: func(o *push.Options) { o.Topic, o.Urgency = strings.Repeat("t", 32), push.UrgencyHigh }, want: 0},
		"no TTL":                    {change: func(r *http.Request, _ *[]byte) { r.Header.Del("TTL") }, want: 400},
		"a negative TTL":            {options: func(o *push.Options) { o.TTL = -1 }, want: 400},
		"a long topic":              {options: func(o *push.Options) { o.Topic = strings.Repeat("t", 33) }, want: 400},
		"a topic of other letters":  {options: func(o *push.Options) { o.Topic = "a/b" }, want: 400},
		"an unknown urgency":        {change: func(r *http.Request, _ *[]byte) { r.Header.Set("Urgency", "now") }, want: 400},
		"no encoding":               {change: func(r *http.Request, _ *[]byte) { r.Header.Del("Content-Encoding") }, want: 400},
		"changed on the way":        {change: func(_ *http.Request, body *[]byte) { (*body)[200] ^= 1 }, want: 400},
		"too long":                  {change: func(_ *http.Request, body *[]byte) { *body = append(*body, 0) }, want: 413},
		"nobody says who sends":     {change: func(r *http.Request, _ *[]byte) { r.Header.Del("Authorization") }, want: 401},
		"another scheme":            {change: func(r *http.Request, _ *[]byte) { r.Header.Set("Authorization", "Bearer x") }, want: 403},
		"another sender":            {options: func(o *push.Options) { o.VAPIDPrivateKey, o.VAPIDPublicKey = otherPrivate, otherPublic }, want: 403},
		"another's signature":       {options: func(o *push.Options) { o.VAPIDPrivateKey = otherPrivate }, want: 403},
		"for another push service":  {change: func(r *http.Request, _ *[]byte) { r.Host = "other.example.com" }, want: 403},
		"over":                      {clock: 13 * time.Hour, want: 403},
		"valid for more than a day": {clock: -13 * time.Hour, want: 403},
		"from nobody":               {options: func(o *push.Options) { o.Subscriber = "nobody" }, want: 403},
		"no such subscription":      {change: func(r *http.Request, _ *[]byte) { r.URL.Path += "x" }, want: 404},
		"gone":                      {gone: true, want: 410},
		"no POST":                   {change: func(r *http.Request, _ *[]byte) { r.Method = http.MethodGet }, want: 405},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			service := pushsink.New(pushsink.Config{NowFunc: func() time.Time { return time.Now().Add(c.clock) }})
			subscribed, err := service.Subscribe(base, "laptop", public)
			require.NoError(t, err)
			options := push.Options{
				Subscriber: "ops@example.com", VAPIDPrivateKey: private, VAPIDPublicKey: public, TTL: 60,
			}
			if c.options != nil {
				c.options(&options)
			}
			if c.gone {
				service.Unsubscribe("laptop")
			}
			r, body := request(t, subscribed, options)
			if c.change != nil {
				c.change(r, &body)
			}
			m, refused := service.Decode(r, bytes.Clone(body))
			if c.want == 0 {
				require.Nil(t, refused)
				require.JSONEq(t, `{"title":"hello"}`, string(m.Payload))
				require.Equal(t, "mailto:ops@example.com", m.Subject)
				return
			}
			require.NotNil(t, refused)
			require.Equal(t, c.want, refused.Status)
		})
	}
}
