package sms_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/sms"
)

// request is one that a gateway got.
type request struct {
	method, url, kind, header, body string
}

// gateway is a service of somebody's, with one answer.
func gateway(t testing.TB, status int, answer string) (string, chan request) {
	t.Helper()
	got := make(chan request, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Method, r.URL.String(), r.Header.Get("Content-Type"), r.Header.Get("X-Key"), string(body)}
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "3")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func service(t testing.TB, c sms.HTTPConfig) *sms.Transport {
	t.Helper()
	return newSMS(t, sms.Config{From: "Shop", HTTP: &c})
}

func TestRequestsAreAsConfigured(t *testing.T) {
	t.Parallel()
	type texts = map[string]transports.Secret
	hostile := full()
	hostile.Content.Message, hostile.Content.ActionURL = `"}, {{ to }} & x=1`, ""
	for name, c := range map[string]struct {
		config sms.HTTPConfig
		want   request
	}{
		"json": {
			sms.HTTPConfig{
				URL: "/v1?a=b", Headers: texts{"X-Key": "{{ id }}"},
				JSON: map[string]any{"messages": []any{map[string]any{"to": "{{to}}", "body": "{{ text }}", "n": 1, "s": "{{ segments }} {{ encoding }} {{ from }}"}}},
			},
			request{
				"POST", "/v1?a=b", "application/json", "01890a5d-ac96-774b-bcce-b302099a8057",
				`{"messages":[{"body":"\"}, {{ to }} \u0026 x=1","n":1,"s":"1 gsm7 Shop","to":"+4915112345678"}]}`,
			},
		},
		"form": {
			sms.HTTPConfig{URL: "/", Method: "PUT", Form: texts{"to": "00{{ to }}", "text": "{{ text }}", "key": "secret"}},
			request{"PUT", "/", "application/x-www-form-urlencoded", "", "key=secret&text=%22%7D%2C+%7B%7B+to+%7D%7D+%26+x%3D1&to=00%2B4915112345678"},
		},
		"query": {
			sms.HTTPConfig{URL: "/send?key=k", Method: "GET", Query: texts{"to": "{{ to }}", "text": "{{ text }}"}},
			request{"GET", "/send?key=k&text=%22%7D%2C+%7B%7B+to+%7D%7D+%26+x%3D1&to=%2B4915112345678", "", "", ""},
		},
		"a type of its own": {
			sms.HTTPConfig{URL: "/", Headers: texts{"Content-Type": "application/vnd.sms+json"}, JSON: []any{"{{ to }}", "{{ text }}"}},
			request{"POST", "/", "application/vnd.sms+json", "", `["+4915112345678","\"}, {{ to }} \u0026 x=1"]`},
		},
	} {
		url, got := gateway(t, 200, "")
		c.config.URL = transports.Secret(url) + c.config.URL
		_, err := service(t, c.config).Send(t.Context(), hostile)
		require.NoError(t, err, name)
		require.Equal(t, c.want, <-got, name)
	}
}

func TestAnswersAreReadAsConfigured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*sms.HTTPConfig)
		status int
		answer string
		id     string
		class  transports.Class
		code   string
	}{
		"accepted":            {status: 202, answer: "queued"},
		"with an id":          {status: 200, answer: `{"messages":[{"id":"m-1","status":"0"}]}`, id: "m-1"},
		"a number as id":      {status: 200, answer: `{"messages":[{"id":12345678901234567890}]}`, id: "12345678901234567890"},
		"an id that is none":  {status: 200, answer: `{"messages":[{"id":"a b"}]}`},
		"not to be accepted":  {func(c *sms.HTTPConfig) { c.Accept = []int{201} }, 200, "{}", "", transports.Transient, "200"},
		"a status of its own": {func(c *sms.HTTPConfig) { c.Accept = []int{302} }, 302, "{}", "", "", ""},
		"refused with 200": {
			func(c *sms.HTTPConfig) { c.AcceptWhen = map[string]string{"messages.0.status": "0"} },
			200, `{"messages":[{"status":"7"}],"error":{"code":7}}`, "", transports.Address, "200 7",
		},
		"accepted with 200": {
			func(c *sms.HTTPConfig) { c.AcceptWhen = map[string]string{"messages.0.status": "0"} },
			200, `{"messages":[{"status":0,"id":"m-1"}]}`, "m-1", "", "",
		},
		"200 that cannot be read": {
			func(c *sms.HTTPConfig) { c.AcceptWhen = map[string]string{"messages.0.status": "0"} },
			200, "<html>", "", transports.Unknown, "",
		},
		"a code that is known":  {status: 500, answer: `{"error":{"code":"busy"}}`, class: transports.Rate, code: "500 busy"},
		"a code that is not":    {status: 400, answer: `{"error":{"code":"other"}}`, class: transports.Permanent, code: "400 other"},
		"a code that is a text": {status: 400, answer: `{"error":{"code":"no such number +49…"}}`, class: transports.Permanent, code: "400"},
		"slow down":             {status: 429, class: transports.Rate, code: "429"},
		"credentials":           {status: 401, class: transports.Configuration, code: "401"},
		"failed":                {status: 500, class: transports.Unknown, code: "500"},
		"failed, idempotent":    {func(c *sms.HTTPConfig) { c.Idempotent = true }, 500, "", "", transports.Transient, "500"},
	} {
		url, _ := gateway(t, c.status, c.answer)
		config := sms.HTTPConfig{
			URL: transports.Secret(url), Form: map[string]transports.Secret{"to": "{{ to }}", "text": "{{ text }}", "id": "{{ id }}"},
			MessageID: "messages.0.id", ErrorCode: "error.code", Codes: map[string]string{"7": "address", "busy": "rate"},
		}
		if c.change != nil {
			c.change(&config)
		}
		result, err := service(t, config).Send(t.Context(), full())
		if c.class == "" {
			require.NoError(t, err, name)
			require.Equal(t, transports.Result{Provider: "127.0.0.1", ProviderMessageID: c.id}, result, name)
			continue
		}
		got := transports.Classify(err)
		require.Equal(t, c.class, got.Class, name)
		require.Equal(t, c.code, got.Code, name)
		if c.status == 429 {
			require.Equal(t, 3*time.Second, got.RetryAfter)
		}
	}
}

func TestAHeaderHoldsOneLine(t *testing.T) {
	t.Parallel()
	url, got := gateway(t, 200, "")
	transport := service(t, sms.HTTPConfig{
		URL: transports.Secret(url), Headers: map[string]transports.Secret{"X-Key": "{{ text }}"}, Query: map[string]transports.Secret{"to": "{{ to }}"},
	})
	_, err := transport.Send(t.Context(), full())
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	require.Empty(t, got)
}

func TestNetworksOfTheOperatorsOwn(t *testing.T) {
	t.Parallel()
	form := map[string]transports.Secret{"to": "{{ to }}", "text": "{{ text }}"}
	_, err := service(t, sms.HTTPConfig{URL: "https://10.20.0.1/", Form: form}).Send(t.Context(), full())
	require.Equal(t, transports.Permanent, transports.Classify(err).Class, "not without allow")
	_, err = sms.New(&sms.Config{HTTP: &sms.HTTPConfig{URL: "http://sms.example.com/", Form: form}})
	require.ErrorContains(t, err, "https://")
}
