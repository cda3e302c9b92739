package webhook_test

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
	"github.com/carillon-notify/carillon/transports/webhook"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// local lets the transport reach this machine.
func local() *webhook.Config {
	return &webhook.Config{
		AllowHTTP: true, Allow: []string{"127.0.0.0/8"}, Keys: []transports.Secret{secret}, Timeout: 2 * time.Second,
	}
}

func newTransport(t testing.TB, cfg *webhook.Config) *webhook.Transport {
	t.Helper()
	made, err := webhook.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, made.Close(context.Background())) })
	return made
}

func message(url string) transports.Message {
	m := transporttest.NewMessage(transports.WebhookSpec())
	m.Recipient = transports.Recipient{Address: url}
	return m
}

// not parallel: the suite looks for goroutines that were left behind.
func TestConformance(t *testing.T) {
	const address = "ep_01890a5d-ac96-774b-bcce-b302099a8058"
	key, err := signature.ParseKey(secret)
	require.NoError(t, err)
	var receivers sync.Map // of each transport, as what the endpoint's row says
	var behaviours []transporttest.Behaviour
	for name, class := range map[string]transports.Class{
		"ok": transports.OK, "accepted": transports.OK, "moved": transports.Transient, "redirect": transports.Transient,
		"bad": transports.Transient, "unauthorized": transports.Transient, "missing": transports.Transient,
		"timeout": transports.Transient, "gone": transports.Address, "teapot": transports.Transient,
		"early": transports.Transient, "limited": transports.Rate, "waiting": transports.Rate, "error": transports.Transient,
		"gateway": transports.Transient, "overloaded": transports.Transient, "busy": transports.Rate,
		"slow": transports.Transient, "cut": transports.Unknown,
	} {
		b := transporttest.Behaviour{Name: name, Class: class}
		if name == "waiting" || name == "busy" {
			b.RetryAfter = 2 * time.Minute
		}
		behaviours = append(behaviours, b)
	}
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			to := newReceiver(tb, secret)
			to.address = address
			cfg := local()
			cfg.Timeout = 30 * time.Second
			made, err := webhook.New(cfg)
			require.NoError(tb, err)
			receivers.Store(made, to)
			return made, to
		},
		SendFunc: func(ctx context.Context, t transports.Transport, m transports.Message) (transports.Result, error) {
			if to, known := receivers.Load(t); known && m.Recipient.Address == address {
				m.Target = &endpoints.Target{URL: to.(*receiver).hook(), Format: endpoints.Native, Keys: []signature.Key{key}}
			}
			return t.Send(ctx, m)
		},
		MessageFunc: func() transports.Message { return message(address) },
		Secrets:     []string{secret, "canary-path", "canary-token"},
		Behaviours:  behaviours,
	})
}

func TestStandardHeaders(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, secret)
	cfg := local()
	now := time.Now()
	cfg.NowFunc = func() time.Time { return now }
	sender := newTransport(t, cfg)
	m := message(to.hook())
	_, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	now = now.Add(7 * time.Second)
	m.Attempt = 2
	_, err = sender.Send(t.Context(), m)
	require.NoError(t, err)

	got := to.all()
	require.Len(t, got, 2)
	require.Zero(t, to.unverified, "a receiver verifies each request with the helper")
	first, second := got[0], got[1]
	require.Equal(t, "msg_"+m.ReceiptID.String(), first.header.Get("webhook-id"))
	require.Equal(t, first.header.Get("webhook-id"), second.header.Get("webhook-id"))
	require.Equal(t, strconv.FormatInt(now.Unix(), 10), second.header.Get("webhook-timestamp"), "the time is the try's")
	require.NotEqual(t, first.header.Get("webhook-signature"), second.header.Get("webhook-signature"))
	require.Equal(t, first.body, second.body)
	require.Equal(t, "application/json", first.header.Get("Content-Type"))
	require.Equal(t, "Carillon-Webhook/1", first.header.Get("User-Agent"))
}

func TestATryIsSignedWithTheTimeOfTheDatabase(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, secret)
	m := message(to.hook())
	m.SentAt = time.Now().Add(2 * time.Minute) // This machine's clock is slow.
	_, err := newTransport(t, local()).Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, strconv.FormatInt(m.SentAt.Unix(), 10), to.all()[0].header.Get("webhook-timestamp"))
	require.Zero(t, to.unverified)
}

func TestGoldenPayloads(t *testing.T) {
	t.Parallel()
	m := message("")
	m.ReceiptID = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8059")
	m.Tenant = "acme"
	m.Data = json.RawMessage(`{"id": "A7", "html": "<b>&"}`)
	for format, want := range map[string]string{
		"native": `{"type":"orders.created","timestamp":"2026-03-29T01:02:02Z","id":"01890a5d-ac96-774b-bcce-b302099a8057",` +
			`"tenant":"acme","resource":{"type":"orders","id":"A7"},"data":{"id":"A7","html":"<b>&"},"content":{"title":"Your canary title",` +
			`"message":"Your canary message is on its way.","action_url":"https://canary.example.com/orders/A7",` +
			`"action_label":"Show the canary order"}}`,
		"cloudevents": `{"specversion":"1.0","id":"01890a5d-ac96-774b-bcce-b302099a8057","source":"/shop","type":"orders.created",` +
			`"subject":"orders/A7","time":"2026-03-29T01:02:02Z","datacontenttype":"application/json",` +
			`"data":{"id":"A7","html":"<b>&"},"tenant":"acme","title":"Your canary title","message":"Your canary message is on its way.",` +
			`"actionurl":"https://canary.example.com/orders/A7","actionlabel":"Show the canary order"}`,
	} {
		to := newReceiver(t, secret)
		cfg := local()
		cfg.Format, cfg.Source = format, "/shop"
		sender := newTransport(t, cfg)
		m.Recipient.Address = to.hook()
		_, err := sender.Send(t.Context(), m)
		require.NoError(t, err)
		require.Equal(t, want, string(to.all()[0].body))
	}
}

func TestStoredBytesAreSentAsTheyAre(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, secret)
	sender := newTransport(t, local())
	m := message(to.hook())
	encoded, err := sender.Encode(m)
	require.NoError(t, err)
	m.Payload = append([]byte("  "), encoded...)
	m.Data, m.Content.Title = json.RawMessage(`{}`), "changed"
	_, err = sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, string(m.Payload), string(to.all()[0].body))
}

func TestWhatIsTooBigIsNotEncoded(t *testing.T) {
	t.Parallel()
	sender := newTransport(t, local())
	m := message("https://example.com/")
	long := make([]byte, webhook.MaxPayload)
	for i := range long {
		long[i] = 'a'
	}
	m.Data = json.RawMessage(`"` + string(long) + `"`)
	_, err := sender.Encode(m)
	require.ErrorContains(t, err, "at most 262144")
}

func TestExcerpts(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, secret)
	cfg := local()
	cfg.Excerpt = true
	sender := newTransport(t, cfg)
	m := message(to.hook())
	encoded, err := sender.Encode(m)
	require.NoError(t, err)
	m.Payload = encoded
	to.Behave("accepted")
	result, err := sender.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, "202 you sent [redacted] to [redacted] with [redacted]", result.Detail)
	require.Equal(t, "127.0.0.1", result.Provider)
	to.Behave("bad")
	_, err = sender.Send(t.Context(), m)
	require.ErrorContains(t, err, "you sent [redacted] to [redacted] with [redacted]")
}

func TestNothingGoesOutUnsigned(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, secret)
	cfg := local()
	cfg.Keys = nil
	_, err := newTransport(t, cfg).Send(t.Context(), message(to.hook()))
	require.Equal(t, transports.Configuration, transports.Classify(err).Class)
	require.Zero(t, to.Tries())
}

func TestTheGuardHolds(t *testing.T) {
	t.Parallel()
	to := newReceiver(t, secret)
	port, err := strconv.Atoi(to.port())
	require.NoError(t, err)
	sender := newTransport(t, &webhook.Config{AllowHTTP: true, Ports: []int{port}, Keys: []transports.Secret{secret}})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "2130706433", "127.1"} {
		_, err := sender.Send(t.Context(), message("http://"+host+":"+to.port()+"/canary-path"))
		classified := transports.Classify(err)
		require.Equal(t, transports.Permanent, classified.Class, host)
		require.NotContains(t, err.Error(), "canary-path")
		var refused *egress.Error
		require.ErrorAs(t, err, &refused)
	}
	require.Zero(t, to.Tries())
}

func TestConfigProblemsAreAllReported(t *testing.T) {
	t.Parallel()
	_, err := webhook.New(&webhook.Config{
		Source: "%zz", Keys: []transports.Secret{"whsec_canary", "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="},
		EncryptionKeys: []transports.Secret{"canary"}, Format: "xml", Timeout: time.Hour, ConnectTimeout: time.Millisecond,
		Concurrency: -1, Ports: []int{0}, Allow: []string{"10.0.0.1"},
	})
	for _, key := range []string{
		"source", "keys has at 0", "keys has at 1", "encryption_keys", "format", "timeout", "connect_timeout", "concurrency", "ports", "allow",
	} {
		require.ErrorContains(t, err, "webhook: "+key)
	}
	require.NotContains(t, err.Error(), "canary")
	_, err = webhook.New(&webhook.Config{Proxy: "socks5://canary"})
	require.ErrorContains(t, err, "webhook: proxy")
	require.NotContains(t, err.Error(), "canary")
	_, err = webhook.New(nil)
	require.NoError(t, err)
}

func TestSeveralKeysSignTogether(t *testing.T) {
	t.Parallel()
	const pair = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
	cfg := local()
	cfg.Keys = append(cfg.Keys, pair)
	sender := newTransport(t, cfg)
	key, err := signature.ParseKey(pair)
	require.NoError(t, err)
	for _, known := range []string{secret, key.Public()} {
		to := newReceiver(t, known)
		_, err := sender.Send(t.Context(), message(to.hook()))
		require.NoError(t, err)
		require.Zero(t, to.unverified)
	}
}
