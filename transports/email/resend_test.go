package email_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/mail"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/resendsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const apiKey = "re_canary_4711_s3cr3t"

// viaResend is a sink and a transport that sends to it.
func viaResend(t testing.TB, cfg *resendsink.Config, change func(*email.Config)) (*email.Transport, *resendsink.Server) {
	t.Helper()
	sink, err := resendsink.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = sink.Close() })
	c := email.Config{From: "Shop <shop@example.com>", Resend: &email.ResendConfig{APIKey: transports.Secret(sink.APIKey()), APIURL: sink.URL()}}
	if change != nil {
		change(&c)
	}
	transport, err := email.New(&c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = transport.Close(context.Background()) })
	return transport, sink
}

func order() transports.Message {
	return transports.Message{
		ReceiptID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), Attempt: 1, Event: "orders.created",
		Recipient: transports.Recipient{Name: `Zoë "Z" <x>`, Address: "zoe@example.com"},
		Content: transports.Content{
			Subject: "Bestellung A7 – danke!", HTML: `<p>Danke, <b>Zoë</b> <img src="cid:logo"></p>`, ReplyTo: "help@example.com",
		},
		Files: []transports.File{
			{Name: "logo.png", MediaType: "image/png", ContentID: "logo", Content: []byte("png")},
			{Name: "Rechnung.pdf", MediaType: "application/pdf", Content: []byte("pdf")},
		},
		RenderedAt: time.Now().UTC().Truncate(time.Second),
	}
}

func TestResendGetsTheWholeMail(t *testing.T) {
	t.Parallel()
	transport, sink := viaResend(t, nil, func(c *email.Config) {
		c.Headers = map[string]string{"List-Unsubscribe": "<https://shop.example.com/u>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
	})
	result, err := transport.Send(t.Context(), order())
	require.NoError(t, err)
	got := sink.Messages()[0]
	require.Equal(t, transports.Result{Provider: "127.0.0.1", ProviderMessageID: got.ID}, result)
	require.Equal(t, order().ReceiptID.String(), got.Key)
	if *update {
		require.NoError(t, os.WriteFile("testdata/resend.json", append(got.Raw, '\n'), 0o600))
	}
	want, err := os.ReadFile("testdata/resend.json")
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got.Raw))
	preview, extension, err := transport.Preview(order())
	require.NoError(t, err)
	require.Equal(t, ".json", extension)
	require.Equal(t, string(got.Raw), string(preview))
	to, err := mail.ParseAddress(got.To[0])
	require.NoError(t, err)
	require.Equal(t, mail.Address{Name: order().Recipient.Name, Address: "zoe@example.com"}, *to)
	require.Equal(t, "pdf", string(got.Attachments[1].Content))
}

// TestResendKnowsARepetition loses an answer and sends again, within the day and after it.
func TestResendKnowsARepetition(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[time.Time]
	var trouble atomic.Pointer[resendsink.Answer]
	at := func(t time.Time) { now.Store(&t) }
	at(time.Now())
	trouble.Store(&resendsink.Answer{Cut: true, Keep: true})
	clock := func() time.Time { return *now.Load() }
	transport, sink := viaResend(t, &resendsink.Config{
		NowFunc: clock, AnswerFunc: func(resendsink.Message) *resendsink.Answer { return trouble.Load() },
	}, func(c *email.Config) { c.Resend.NowFunc = clock })
	m := order()
	_, err := transport.Send(t.Context(), m)
	require.Equal(t, transports.Unknown, transports.Classify(err).Class)
	trouble.Store(nil)
	m.Attempt = 2
	result, err := transport.Send(t.Context(), m)
	require.NoError(t, err)
	require.Len(t, sink.Messages(), 1, "the repetition was known")
	require.Equal(t, sink.Messages()[0].ID, result.ProviderMessageID)

	changed := m
	changed.Content.Subject = "another"
	_, err = transport.Send(t.Context(), changed)
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)

	for after, class := range map[time.Duration]transports.Class{
		22 * time.Hour: transports.Transient, 23 * time.Hour: transports.Unknown, 30 * time.Hour: transports.Unknown,
	} {
		at(m.RenderedAt.Add(after))
		trouble.Store(resendsink.Refuse(500, "application_error"))
		_, err = transport.Send(t.Context(), m)
		require.Equal(t, class, transports.Classify(err).Class, "a failure %s after the first try", after)
	}
	trouble.Store(nil)
	at(m.RenderedAt.Add(25 * time.Hour))
	_, err = transport.Send(t.Context(), m)
	require.NoError(t, err)
	require.Len(t, sink.Messages(), 2, "a day later it is a new mail to Resend")
}

func TestEveryNameOfResends(t *testing.T) {
	t.Parallel()
	type row struct {
		answer *resendsink.Answer
		class  transports.Class
		wait   time.Duration
	}
	rows := map[string]row{
		"slow down":      {resendsink.RateLimit("3"), transports.Rate, 3 * time.Second},
		"daily quota":    {resendsink.Refuse(429, "daily_quota_exceeded"), transports.Rate, time.Hour},
		"monthly quota":  {resendsink.Refuse(429, "monthly_quota_exceeded"), transports.Rate, time.Hour},
		"no domain":      {resendsink.Refuse(403, "validation_error"), transports.Configuration, 0},
		"cut":            {&resendsink.Answer{Cut: true, Keep: true}, transports.Unknown, 0},
		"no JSON":        {&resendsink.Answer{Body: "<html>", Keep: true}, transports.Unknown, 0},
		"no id":          {&resendsink.Answer{Body: "{}", Keep: true}, transports.Unknown, 0},
		"503":            {&resendsink.Answer{Status: 503}, transports.Transient, 0},
		"of tomorrow":    {resendsink.Refuse(418, "a_name_of_tomorrow"), transports.Transient, 0},
		"concurrent":     {resendsink.Refuse(409, "concurrent_idempotent_requests"), transports.Transient, 0},
		"key reused":     {resendsink.Refuse(409, "invalid_idempotent_request"), transports.Permanent, 0},
		"invalid_access": {resendsink.Refuse(422, "invalid_access"), transports.Configuration, 0},
		"security":       {resendsink.Refuse(451, "security_error"), transports.Permanent, 0},
	}
	for status, names := range map[int][]string{
		400: {"validation_error", "invalid_idempotency_key"}, 401: {"missing_api_key", "restricted_api_key"}, 403: {"invalid_api_key"},
		404: {"not_found"}, 405: {"method_not_allowed"}, 500: {"application_error", "internal_server_error"},
		422: {"missing_required_field", "invalid_attachment", "invalid_from_address", "invalid_parameter", "validation_error"},
	} {
		class := map[int]transports.Class{400: transports.Permanent, 422: transports.Permanent, 500: transports.Transient}[status]
		if class == "" {
			class = transports.Configuration
		}
		for _, name := range names {
			rows[http.StatusText(status)+" "+name] = row{resendsink.Refuse(status, name), class, 0}
		}
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport, sink := viaResend(t, &resendsink.Config{AnswerFunc: func(resendsink.Message) *resendsink.Answer { return r.answer }}, nil)
			_, err := transport.Send(t.Context(), order())
			got := transports.Classify(err)
			require.Equal(t, r.class, got.Class, "%v", got)
			require.Equal(t, r.wait, got.RetryAfter)
			require.Equal(t, 1, sink.Requests(), "one try is one request")
		})
	}
}

func TestRefusalsOfTheSinkAreThoseOfResend(t *testing.T) {
	t.Parallel()
	transport, sink := viaResend(t, &resendsink.Config{Domains: []string{"example.org"}}, nil)
	_, err := transport.Send(t.Context(), order())
	require.Equal(t, transports.Configuration, transports.Classify(err).Class, "a domain that is not verified")
	m := order()
	m.Content.From = "shop@example.org"
	_, err = transport.Send(t.Context(), m)
	require.NoError(t, err)
	stranger, _ := viaResend(t, nil, func(c *email.Config) { c.Resend.APIKey, c.Resend.APIURL = "re_other", sink.URL() })
	_, err = stranger.Send(t.Context(), m)
	require.Equal(t, transports.Configuration, transports.Classify(err).Class)
	require.ErrorContains(t, err, "invalid_api_key")
	require.Equal(t, "127.0.0.1", stranger.Destination(m).Host)
	require.NotEqual(t, stranger.Destination(m).Account, transport.Destination(m).Account)
	require.NotContains(t, stranger.Destination(m).Account, "re_")
}

func TestProvidersOfMail(t *testing.T) {
	t.Parallel()
	sender := email.Config{From: "shop@example.com"}
	with := func(change func(*email.Config)) error {
		c := sender
		change(&c)
		transport, err := email.New(&c)
		if err == nil {
			require.NoError(t, transport.Close(t.Context()))
		}
		return err
	}
	key := &email.ResendConfig{APIKey: "re_canary"}
	for problem, change := range map[string]func(*email.Config){
		"":                                func(c *email.Config) { c.Resend = key },
		"email: smtp is required":         func(*email.Config) {},
		"email: provider is required":     func(c *email.Config) { c.SMTP, c.Resend = "smtp://localhost", key },
		"email: provider names a section": func(c *email.Config) { c.SMTP, c.Provider = "smtp://localhost", "resend" },
		"email: provider is neither":      func(c *email.Config) { c.Resend, c.Provider = key, "canary" },
		"email: resend.api_key is":        func(c *email.Config) { c.Resend = &email.ResendConfig{APIKey: "re canary"} },
		"email: resend.timeout is":        func(c *email.Config) { c.Resend = &email.ResendConfig{APIKey: "re_canary", Timeout: time.Hour} },
		"email: resend.api_url must": func(c *email.Config) {
			c.Resend = &email.ResendConfig{APIKey: "re_canary", APIURL: "https://canary.example.com"}
		},
		"email: return_path is about": func(c *email.Config) { c.Resend, c.ReturnPath = key, "b@example.com" },
		"email: helo is about":        func(c *email.Config) { c.Resend, c.HELO = key, "a.example.com" },
		"email: message_id_domain is": func(c *email.Config) { c.Resend, c.MessageIDDomain = key, "example.com" },
		"email: dkim is about":        func(c *email.Config) { c.Resend, c.DKIM = key, []email.DKIM{{}} },
	} {
		err := with(change)
		if problem == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, problem)
		require.NotContains(t, err.Error(), "canary")
	}
	require.NoError(t, with(func(c *email.Config) { c.SMTP, c.Resend, c.Provider = "smtp://localhost", key, "smtp" }))
	require.NoError(t, with(func(c *email.Config) {
		c.SMTP, c.Resend, c.Provider, c.HELO = "smtp://localhost", key, "resend", "a.example.com"
	}))
}

// not parallel: the suite looks for goroutines that were left behind
func TestResendConforms(t *testing.T) {
	sink := resendsink.New(resendsink.Config{APIKey: apiKey})
	answers := map[string]transporttest.Answer{
		"":             {Body: `{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}`},
		"hangs up":     {HangUp: true},
		"slow down":    {Status: 429, Header: map[string]string{"Retry-After": "7"}, Body: `{"name":"rate_limit_exceeded"}`},
		"no answer":    {Body: "<html>", Accept: true},
		"unavailable":  {Status: 503},
		"unauthorized": {Status: 403, Body: `{"name":"invalid_api_key","message":"` + apiKey + `"}`},
		"rejected":     {Status: 422, Body: `{"name":"missing_required_field"}`},
		"redirects":    {Status: 302, Header: map[string]string{"Location": "http://127.0.0.1:1/"}},
	}
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			p := transporttest.NewHTTP(tb, transporttest.HTTPConfig{
				Answers: answers,
				DecodeFunc: func(r *http.Request, body []byte) (transporttest.Delivery, error) {
					m, refused := sink.Decode(r, body)
					if refused != nil {
						return transporttest.Delivery{}, errors.New(refused.Body)
					}
					to, err := mail.ParseAddress(m.To[0])
					if err != nil || !json.Valid(body) {
						return transporttest.Delivery{}, err
					}
					return transporttest.Delivery{
						Key: m.Key, Body: m.Raw, Address: to.Address,
						Content: transports.Content{Subject: m.Subject, Text: m.Text, HTML: m.HTML},
					}, nil
				},
			})
			transport, err := email.New(&email.Config{
				From: "Shop <shop@example.com>", Resend: &email.ResendConfig{APIKey: apiKey, APIURL: p.URL},
			})
			require.NoError(tb, err)
			return transport, p
		},
		MessageFunc: func() transports.Message {
			m := transporttest.NewMessage(transports.EmailSpec())
			m.RenderedAt = time.Now().UTC().Truncate(time.Hour)
			return m
		},
		Secrets: []string{apiKey},
		Behaviours: []transporttest.Behaviour{
			{Name: "hangs up", Class: transports.Unknown},
			{Name: "slow down", Class: transports.Rate, RetryAfter: 7 * time.Second},
			{Name: "no answer", Class: transports.Unknown},
			{Name: "unavailable", Class: transports.Transient},
			{Name: "unauthorized", Class: transports.Configuration},
			{Name: "rejected", Class: transports.Permanent},
			{Name: "redirects", Class: transports.Transient},
		},
	})
}
