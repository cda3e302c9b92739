package webpush_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/pushsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webpush"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

func options(t *testing.T, o transports.WebPushOptions) json.RawMessage {
	t.Helper()
	raw, err := transports.EncodeOptions(o)
	require.NoError(t, err)
	return raw
}

func TestAMessageIsWhatThePageReads(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, local())
	service, devices := sink(t, nil, transport.PublicKey(), "laptop")
	m := message(devices...)
	m.Options = options(t, transports.WebPushOptions{
		TTL: 90 * time.Minute, Urgency: "high", Icon: "https://shop.example.com/i.png", Badge: "https://shop.example.com/b.png",
		Data: map[string]string{"order": "A7"},
	})
	result, err := transport.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, "1 of 1 devices have the message", result.Detail)
	got := service.Messages()
	require.Len(t, got, 1)
	require.Equal(t, "mailto:ops@example.com", got[0].Subject)
	require.Equal(t, 5400, got[0].TTL)
	require.Equal(t, "high", got[0].Urgency)
	require.Equal(t, 4096, got[0].Size, "every message looks the same from outside")
	require.Len(t, got[0].Topic, 22)
	require.JSONEq(t, `{
		"title": "Your canary title", "body": "Your canary message is on its way.", "url": "https://canary.example.com/orders/A7",
		"action": "Show the canary order", "tag": "`+got[0].Topic+`", "icon": "https://shop.example.com/i.png",
		"badge": "https://shop.example.com/b.png", "type": "info", "data": {"order": "A7"}
	}`, string(got[0].Payload))
}

func TestWithoutOptionsAMessageLivesForADay(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, local())
	service, devices := sink(t, nil, transport.PublicKey(), "laptop")
	_, err := transport.Send(t.Context(), message(devices...))
	require.NoError(t, err)
	require.Equal(t, 24*60*60, service.Messages()[0].TTL)
	require.Equal(t, "normal", service.Messages()[0].Urgency)
}

func TestACollapseReplacesWhatIsAboutTheSame(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, local())
	service, devices := sink(t, nil, transport.PublicKey(), "laptop")
	for _, collapse := range []string{"order-7", "order-7", "order-8", "", ""} {
		m := message(devices...)
		m.Options = options(t, transports.WebPushOptions{Collapse: collapse})
		_, err := transport.Send(t.Context(), m)
		require.NoError(t, err)
	}
	got := service.Messages()
	require.Equal(t, got[0].Topic, got[1].Topic)
	topics := map[string]bool{}
	for _, m := range got {
		require.Regexp(t, `^[A-Za-z0-9_-]{1,32}$`, m.Topic)
		topics[m.Topic] = true
	}
	require.Len(t, topics, 4)
}

func TestALongMessageIsCutOrRefused(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, local())
	service, devices := sink(t, nil, transport.PublicKey(), "laptop")
	m := message(devices...)
	m.Content.Message = strings.Repeat("žluťoučký \"kůň\" ", 1000)
	_, err := transport.Send(t.Context(), m)
	require.NoError(t, err)
	payload := service.Messages()[0].Payload
	require.LessOrEqual(t, len(payload), webpush.MaxPayload)
	require.Greater(t, len(payload), webpush.MaxPayload-8, "and no more is cut than must be")
	require.True(t, utf8.Valid(payload))
	var said struct{ Body string }
	require.NoError(t, json.Unmarshal(payload, &said))
	require.True(t, strings.HasPrefix(m.Content.Message, strings.TrimSuffix(said.Body, "…")))

	m.Options = options(t, transports.WebPushOptions{Oversize: "refuse"})
	_, err = transport.Send(t.Context(), m)
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	m.Options = options(t, transports.WebPushOptions{Data: map[string]string{"x": strings.Repeat("x", webpush.MaxPayload)}})
	_, err = transport.Send(t.Context(), m)
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	m.Payload = []byte(strings.Repeat("x", webpush.MaxPayload+1))
	_, err = transport.Send(t.Context(), m)
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	require.Equal(t, 1, service.Requests(), "what is too long is not sent")

	m.Payload = []byte(strings.Repeat("x", webpush.MaxPayload))
	_, err = transport.Send(t.Context(), m)
	require.NoError(t, err, "the longest that fits")
}

// TestOneResultForAllDevices: what is worth another try goes before what is over, and what is over before nothing.
func TestOneResultForAllDevices(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers  map[string]int
		accepted int
		want     transports.Class
		partly   bool
	}{
		"all":              {map[string]int{"a": 0, "b": 0}, 0, transports.OK, false},
		"one is gone":      {map[string]int{"a": 0, "b": 410}, 0, transports.OK, false},
		"one fails":        {map[string]int{"a": 0, "b": 500, "c": 410}, 0, transports.Transient, true},
		"one had it":       {map[string]int{"a": 500}, 1, transports.Transient, true},
		"one had it, gone": {map[string]int{"a": 404}, 1, transports.OK, false},
		"all fail":         {map[string]int{"a": 503, "b": 429}, 0, transports.Transient, false},
		"rate":             {map[string]int{"a": 429, "b": 400}, 0, transports.Rate, false},
		"all are gone":     {map[string]int{"a": 404, "b": 410}, 0, transports.Address, false},
		"rejected":         {map[string]int{"a": 410, "b": 413}, 0, transports.Permanent, false},
		"none is left":     {map[string]int{}, 1, transports.OK, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := newTransport(t, local())
			var names []string
			for device := range c.answers {
				names = append(names, device)
			}
			_, devices := sink(t, &pushsink.Config{AnswerFunc: func(m pushsink.Message) *pushsink.Answer {
				if status := c.answers[m.Device]; status != 0 {
					return pushsink.Refuse(status)
				}
				return nil
			}}, transport.PublicKey(), names...)
			m := message(devices...)
			m.Target.(*subscriptions.Target).Accepted = c.accepted
			_, err := transport.Send(t.Context(), m)
			if c.want == transports.OK {
				require.NoError(t, err)
			} else {
				require.Equal(t, c.want, transports.Classify(err).Class, "%v", err)
				require.Equal(t, c.partly, transports.Classify(err).Partly)
			}
			require.Len(t, outcomes(m), len(c.answers))
		})
	}
}

func TestALostAnswerIsToldFromAFailure(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, local())
	_, devices := sink(t, &pushsink.Config{AnswerFunc: func(m pushsink.Message) *pushsink.Answer {
		if m.Device == "lost" {
			return &pushsink.Answer{Cut: true, Keep: true}
		}
		return pushsink.Refuse(http.StatusInternalServerError)
	}}, transport.PublicKey(), "lost", "fails")
	m := message(devices...)
	_, err := transport.Send(t.Context(), m)
	require.Equal(t, transports.Unknown, transports.Classify(err).Class)
	require.Equal(t, map[string]subscriptions.Outcome{"lost": subscriptions.Unknown, "fails": subscriptions.Failed}, outcomes(m))
}

// TestOurKeys: one subscription that they do not fit is put out of use; when none fits, they are wrong.
func TestOurKeys(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, local())
	service, others := sink(t, nil, "anothersKey", "other")
	classes := map[transports.Class]int{}
	for range 12 {
		m := message(others...)
		_, err := transport.Send(t.Context(), m)
		classes[transports.Classify(err).Class]++
	}
	require.Positive(t, classes[transports.Address])
	require.Positive(t, classes[transports.Configuration], "many in a row are about us")
	ours, err := service.Subscribe(service.URL(), "ours", transport.PublicKey())
	require.NoError(t, err)
	_, err = transport.Send(t.Context(), message(deviceOf(t, ours)))
	require.NoError(t, err)
	m := message(others...)
	_, err = transport.Send(t.Context(), m)
	require.Equal(t, transports.Address, transports.Classify(err).Class, "an acceptance ends the row")
}

func TestOnlyKnownPushServicesAreAsked(t *testing.T) {
	t.Parallel()
	cfg := local()
	cfg.Hosts = nil
	transport := newTransport(t, cfg)
	service, devices := sink(t, nil, transport.PublicKey(), "laptop")
	_, err := transport.Send(t.Context(), message(devices...))
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	require.Zero(t, service.Requests())
}

func TestADestinationIsThePushServicesThatAreLeft(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, local())
	at := func(endpoints ...string) string {
		var devices []subscriptions.Device
		for _, e := range endpoints {
			devices = append(devices, subscriptions.Device{Endpoint: e})
		}
		return transport.Destination(message(devices...)).Host
	}
	require.Equal(t, "a.example.com", at("https://a.example.com/1", "https://a.example.com/2"))
	require.Equal(t, "a.example.com+b.example.com", at("https://b.example.com/1", "https://a.example.com/2"))
	require.Equal(t, "a+b+c+others", at("https://a/", "https://b/", "https://c/", "https://d/"))
	require.Empty(t, at())
}

func TestAConfigurationSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	other, err := webpush.NewKeys()
	require.NoError(t, err)
	_, err = webpush.New(&webpush.Config{
		PrivateKey: privateKey, PublicKey: other.Public, Subject: "ops@example.com", Hosts: []string{"https://x"}, Allow: []string{"x"},
		Timeout: time.Millisecond, Concurrency: -1,
	})
	for _, field := range []string{"public_key", "subject", "hosts", "allow", "timeout", "concurrency"} {
		require.ErrorContains(t, err, "web_push: "+field+" ")
	}
	require.NotContains(t, err.Error(), privateKey.Reveal())
	_, err = webpush.New(nil)
	require.ErrorContains(t, err, "private_key is required")
	require.ErrorContains(t, err, "subject is required")
	_, err = webpush.New(&webpush.Config{PrivateKey: "canary", Subject: "https://shop.example.com/contact"})
	require.ErrorContains(t, err, "private_key is not 32 bytes")
	require.NotContains(t, err.Error(), "canary")
	made, err := webpush.New(&webpush.Config{PrivateKey: other.Private, PublicKey: other.Public, Subject: "https://shop.example.com/contact"})
	require.NoError(t, err)
	require.Equal(t, other.Public, made.PublicKey())
}
