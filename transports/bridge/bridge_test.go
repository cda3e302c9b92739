package bridge_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/bridge"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const secret = "canary-4711-s3cr3t"

// ntfy is the URL of a topic on a server of this machine.
func ntfy(server string) transports.Secret {
	return transports.Secret("ntfy://canary-user:" + secret + "@" + strings.TrimPrefix(server, "http://") + "/ops?scheme=http")
}

func open(t testing.TB, urls map[string]transports.Secret, timeout time.Duration) *bridge.Transport {
	t.Helper()
	transport, err := bridge.New(&bridge.Config{URLs: urls, Timeout: timeout})
	require.NoError(t, err)
	t.Cleanup(func() { _ = transport.Close(context.Background()) })
	return transport
}

func message() transports.Message {
	m := transporttest.NewMessage(transports.BridgeSpec())
	m.Recipient.Address = "canary-ops"
	return m
}

// not parallel: the suite looks for goroutines that were left behind
func TestConformance(t *testing.T) {
	answers := map[string]transporttest.Answer{
		"":             {Body: `{"id":"1","event":"message"}`},
		"hangs up":     {HangUp: true},
		"slow down":    {Status: 429, Body: `{"code":42901,"http":429}`},
		"unavailable":  {Status: 503},
		"unauthorized": {Status: 401},
		"rejected":     {Status: 413},
		"no answer":    {Body: "<html>", Accept: true},
	}
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			p := transporttest.NewHTTP(tb, transporttest.HTTPConfig{
				Answers: answers,
				DecodeFunc: func(_ *http.Request, body []byte) (transporttest.Delivery, error) {
					// There is no key; the receipt is told by the title, which stands in the first line.
					title, text, _ := strings.Cut(string(body), "\n")
					at := strings.LastIndex(text, "\n")
					return transporttest.Delivery{
						Key: title, Body: body, Address: "canary-ops", Content: transports.Content{Message: text[:max(at, 0)]},
					}, nil
				},
			})
			return open(tb, map[string]transports.Secret{"canary-ops": ntfy(p.URL)}, 0), p
		},
		MessageFunc: func() transports.Message {
			m := message()
			m.Content.Title = m.ReceiptID.String()
			return m
		},
		Secrets: []string{secret, "canary-user"},
		Behaviours: []transporttest.Behaviour{
			{Name: "hangs up", Class: transports.Unknown},
			{Name: "slow down", Class: transports.Rate},
			{Name: "unavailable", Class: transports.Unknown},
			{Name: "unauthorized", Class: transports.Configuration},
			{Name: "rejected", Class: transports.Permanent},
			{Name: "no answer", Class: transports.Unknown},
		},
		Skip: map[string]string{"BoundedAnswers": "the library reads answers whole; see the package comment"},
	})
}

// service is a receiver with one status.
func service(t testing.TB, status int) (string, chan string) {
	t.Helper()
	got := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- string(body)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, secret)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

// TestWordsAreClassified goes through a service that leaves nothing but words.
func TestWordsAreClassified(t *testing.T) {
	t.Parallel()
	for status, class := range map[int]transports.Class{
		200: "", 204: "", 400: transports.Permanent, 401: transports.Configuration, 403: transports.Configuration, 404: transports.Permanent,
		405: transports.Permanent, 408: transports.Unknown, 409: transports.Unknown, 410: transports.Permanent, 413: transports.Permanent,
		415: transports.Permanent, 418: transports.Unknown, 422: transports.Permanent, 429: transports.Rate, 499: transports.Unknown,
		500: transports.Unknown, 502: transports.Unknown, 503: transports.Unknown,
	} {
		url, _ := service(t, status)
		transport := open(t, map[string]transports.Secret{"canary-ops": transports.Secret("generic+" + url + "/" + secret)}, 0)
		_, err := transport.Send(t.Context(), message())
		if class == "" {
			require.NoError(t, err, status)
			continue
		}
		require.Equal(t, class, transports.Classify(err).Class, "%d: %v", status, err)
		require.NotContains(t, fmt.Sprintf("%+v", err), secret)
	}
	for _, url := range []transports.Secret{
		"generic+http://127.0.0.1:1/" + secret, "ntfy://127.0.0.1:1/ops?scheme=http", "ntfy://nothing.invalid/ops",
	} {
		_, err := open(t, map[string]transports.Secret{"canary-ops": url}, 0).Send(t.Context(), message())
		require.Equal(t, transports.Transient, transports.Classify(err).Class, "nothing was sent: %v", err)
	}
}

func TestOneThatHangsIsLeftBehind(t *testing.T) {
	t.Parallel()
	reached, release := make(chan struct{}, 10), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) {
		reached <- struct{}{}
		<-release
	}))
	t.Cleanup(server.Close)
	transport := open(t, map[string]transports.Secret{"canary-ops": transports.Secret("generic+" + server.URL)}, 0)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-reached
		cancel()
	}()
	_, err := transport.Send(ctx, message())
	require.Equal(t, transports.Unknown, transports.Classify(err).Class, "it may have arrived")
	for range 3 {
		_, err = transport.Send(t.Context(), message())
		require.Equal(t, transports.Transient, transports.Classify(err).Class, "nothing was sent beside it")
		require.ErrorContains(t, err, "still under way")
	}
	require.Empty(t, reached)
	close(release)
	require.Eventually(t, func() bool {
		_, err := transport.Send(t.Context(), message())
		return err == nil
	}, 5*time.Second, time.Millisecond, "the way is free again")
}

func TestTexts(t *testing.T) {
	t.Parallel()
	url, got := service(t, 200)
	transport := open(t, map[string]transports.Secret{"canary-ops": transports.Secret("generic+" + url)}, 0)
	m := message()
	m.ReceiptID = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	result, err := transport.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, transports.Result{Provider: "generic"}, result)
	require.Equal(t, "Your canary title\nYour canary message is on its way.\nhttps://canary.example.com/orders/A7", <-got)
	require.Equal(t, transports.Destination{Account: "canary-ops", Host: "generic", Key: "canary-ops"}, transport.Destination(m))
	m.Content.Message = strings.Repeat("я", 3000)
	preview, extension, err := transport.Preview(m)
	require.NoError(t, err)
	require.Equal(t, ".txt", extension)
	require.Len(t, []rune(string(preview)), 2000)
	require.True(t, strings.HasSuffix(string(preview), "я…\n"+m.Content.ActionURL))
	m.Content.Message = " "
	_, _, err = transport.Preview(m)
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	m.Content.Message, m.Content.ActionURL = "x", "https://example.com/"+strings.Repeat("a", 2000)
	_, _, err = transport.Preview(m)
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
}

func TestAddressesAreNames(t *testing.T) {
	t.Parallel()
	url, got := service(t, 200)
	transport := open(t, map[string]transports.Secret{"ops": transports.Secret("generic+" + url)}, 0)
	require.NoError(t, transport.CheckAddress("ops"))
	for _, address := range []string{"", "other", "generic+" + url, "ntfy://ntfy.sh/canary"} {
		m := message()
		m.Recipient.Address = address
		_, err := transport.Send(t.Context(), m)
		require.Equal(t, transports.Address, transports.Classify(err).Class, "an address is never a URL")
		require.Error(t, transport.CheckAddress(address))
		require.Zero(t, transport.Destination(m))
	}
	require.Empty(t, got)
}

func TestNewReportsAllProblems(t *testing.T) {
	t.Parallel()
	_, err := bridge.New(nil)
	require.ErrorContains(t, err, "bridge: urls is required")
	_, err = bridge.New(&bridge.Config{Timeout: time.Hour, URLs: map[string]transports.Secret{
		"a canary": "ntfy://ntfy.sh/x", "b": "canary", "c": "canary://" + secret, "d": "telegram://" + secret, "e": "slack://" + secret,
		"f": "discord://" + secret, "g": "smtp://" + secret, "h": "logger://", "i": "ntfy://x y" + secret, "j": "telegram+https://" + secret,
	}})
	for _, problem := range []string{
		"bridge: timeout is", "urls has a name", "urls b: is no URL", "urls c: begins with no service", "urls d: is not what a URL of telegram looks like",
		"urls e: this service has a transport of its own, slack", "urls f: this", "urls g: this", "urls h: this service writes", "urls i: is", "urls j: is not",
	} {
		require.ErrorContains(t, err, problem)
	}
	require.NotContains(t, err.Error(), "canary")

	// Each of these would need a server to do more than be read.
	_, err = bridge.New(&bridge.Config{URLs: map[string]transports.Secret{
		"telegram": "telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=@shop", "ntfy": "ntfy://ntfy.sh/shop",
		"matrix": "matrix://user:password@matrix.example.com:443/?rooms=ops", "gotify": "gotify://gotify.example.com/AzyoeNS.D4iJLVa",
		"pushover": "pushover://shoutrrr:azGDORePK8gMaC0QOYAMyEEuzJnyUi@uQiRzpo4DXghDmr9QzzfQu27cmVRsG",
	}})
	require.NoError(t, err, "and matrix does not log in to be checked")
}
