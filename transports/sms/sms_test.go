package sms_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/twiliosink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/sms"
)

func TestTheWholeMessage(t *testing.T) {
	t.Parallel()
	transport, sink := setup(t, nil, func(c *sms.Config) {
		c.Twilio.MessagingServiceSID = "MG0123456789abcdef0123456789abcdef"
		c.Twilio.StatusCallback = "https://shop.example.com/carillon/twilio?x=1"
		c.Twilio.Validity = time.Hour
	})
	result, err := transport.Send(t.Context(), with(full(), transports.SMSOptions{From: "Shop"}))
	require.NoError(t, err)
	got := sink.Messages()[0]
	require.Equal(t, transports.Result{Provider: "127.0.0.1", ProviderMessageID: got.SID}, result)
	form, err := url.ParseQuery(string(got.Raw))
	require.NoError(t, err)
	golden, err := os.ReadFile("testdata/twilio.txt")
	require.NoError(t, err)
	var fields []string
	for _, name := range []string{"To", "From", "MessagingServiceSid", "Body", "StatusCallback", "ValidityPeriod"} {
		fields = append(fields, name+"="+strings.ReplaceAll(form.Get(name), "\n", "\\n"))
	}
	require.Len(t, form, len(fields))
	require.Equal(t, string(golden), strings.Join(fields, "\n")+"\n")
}

// TestEveryRowOfTheTable drives each code that Twilio may answer with, and with each status that has no code.
func TestEveryRowOfTheTable(t *testing.T) {
	t.Parallel()
	type row struct {
		answer  *twiliosink.Answer
		class   transports.Class
		attempt int
		wait    time.Duration
	}
	rows := map[string]row{
		"queue full":         {twiliosink.Refuse(429, 21611), transports.Rate, 1, 10 * time.Minute},
		"slow down":          {twiliosink.RateLimit("7"), transports.Rate, 1, 7 * time.Second},
		"429":                {&twiliosink.Answer{Status: 429}, transports.Rate, 1, 0},
		"401":                {&twiliosink.Answer{Status: 401}, transports.Configuration, 1, 0},
		"400":                {&twiliosink.Answer{Status: 400, Body: "<html>"}, transports.Permanent, 1, 0},
		"425":                {&twiliosink.Answer{Status: 425}, transports.Transient, 1, 0},
		"501":                {&twiliosink.Answer{Status: 501}, transports.Permanent, 1, 0},
		"500":                {&twiliosink.Answer{Status: 500}, transports.Unknown, 1, 0},
		"503 and taken":      {&twiliosink.Answer{Status: 503, Keep: true}, transports.Unknown, 1, 0},
		"cut":                {&twiliosink.Answer{Cut: true, Keep: true}, transports.Unknown, 1, 0},
		"no JSON":            {&twiliosink.Answer{Status: 201, Body: "<html>", Keep: true}, transports.Unknown, 1, 0},
		"no id":              {&twiliosink.Answer{Status: 201, Body: "{}", Keep: true}, transports.Unknown, 1, 0},
		"failed at once":     {&twiliosink.Answer{Status: 201, Body: `{"sid":"SM1","status":"failed","error_code":30007}`}, transports.Permanent, 1, 0},
		"a code of tomorrow": {twiliosink.Refuse(402, 29999), transports.Transient, 1, 0},
		"redirect":           {&twiliosink.Answer{Status: 302, Header: map[string]string{"Location": "http://127.0.0.1:1/"}}, transports.Transient, 1, 0},
	}
	for class, codes := range map[transports.Class][]int{
		transports.Address:       {21610, 21211, 21214, 21217, 21614, 30005, 30006},
		transports.Permanent:     {21612, 21617, 21619, 30004, 30007},
		transports.Configuration: {20003, 21408, 21606, 21608, 21212, 30002, 30034},
		transports.Rate:          {20429, 30001, 30022, 14107},
		transports.Transient:     {30003, 30008, 30017},
		transports.Unknown:       {20500},
	} {
		for _, code := range codes {
			rows[strconv.Itoa(code)] = row{twiliosink.Refuse(400, code), class, 1, 0}
		}
	}
	for _, code := range []int{30003, 30008, 30017} {
		rows["second "+strconv.Itoa(code)] = row{twiliosink.Refuse(400, code), transports.Permanent, 2, 0}
	}
	for name, r := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport, sink := setup(t, &twiliosink.Config{AnswerFunc: func(twiliosink.Message) *twiliosink.Answer { return r.answer }}, nil)
			m := full()
			m.Attempt = r.attempt
			_, err := transport.Send(t.Context(), m)
			got := transports.Classify(err)
			require.Equal(t, r.class, got.Class, "%v", got)
			require.Equal(t, r.wait, got.RetryAfter)
			require.Equal(t, 1, sink.Requests(), "one try is one request")
		})
	}
}

func TestRefusalsOfTheSinkAreThoseOfTwilio(t *testing.T) {
	t.Parallel()
	config := &twiliosink.Config{
		Numbers: []string{"+15005550006"}, OptedOut: []string{"+4915112340000"},
		APIKey: "SK0123456789abcdef0123456789abcdef", APIKeySecret: "key",
	}
	key := func(secret transports.Secret) func(*sms.Config) {
		return func(c *sms.Config) {
			c.Twilio.AuthToken, c.Twilio.APIKey, c.Twilio.APIKeySecret = "", "SK0123456789abcdef0123456789abcdef", secret
		}
	}
	withKey, sink := setup(t, config, key("key"))
	_, err := withKey.Send(t.Context(), full())
	require.NoError(t, err)
	require.Len(t, sink.Messages(), 1)
	stranger, _ := setup(t, config, key("other"))
	other := full()
	other.Recipient.Address = "+4915112340000"
	long := full()
	long.Content.Message = strings.Repeat("a", 1601)
	for name, c := range map[string]struct {
		transport *sms.Transport
		m         transports.Message
		class     transports.Class
		code      string
	}{
		"credentials": {stranger, full(), transports.Configuration, "20003"},
		"opted out":   {withKey, other, transports.Address, "21610"},
		"sender":      {withKey, with(full(), transports.SMSOptions{From: "+15005550007"}), transports.Configuration, "21606"},
	} {
		_, err := c.transport.Send(t.Context(), c.m)
		got := transports.Classify(err)
		require.Equal(t, c.class, got.Class, name)
		require.Contains(t, got.Code, c.code, name)
	}
	result, err := withKey.Send(t.Context(), with(long, transports.SMSOptions{MaxSegments: 10}))
	require.NoError(t, err, "what was cut fits")
	require.NotEmpty(t, result.ProviderMessageID)
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	transport, sink := setup(t, nil, func(c *sms.Config) {
		c.AllowPrefixes, c.DenyPrefixes = []string{"+49", "+1", "+39"}, []string{"+4916"}
	})
	for number, problem := range map[string]string{
		phone: "", "+4930123456": "", "+12125550123": "", "+390612345678": "",
		"": "E.164", "015112345678": "E.164", "+49 1511 2345678": "E.164", "004915112345678": "E.164", "tel:+4915112345678": "E.164",
		"+49151123456789012": "E.164", "+4": "E.164", "+1212555012": "too long or too short", "+999123456789": "too long or too short",
		"+499001234567": "costs extra", "+19005550123": "costs extra",
		"+41791234567": "allow_prefixes", "+4916012345678": "deny_prefixes",
	} {
		m := full()
		m.Recipient.Address = number
		_, err := transport.Send(t.Context(), m)
		if problem == "" {
			require.NoError(t, err, number)
			require.NoError(t, transport.CheckAddress(number), number)
			continue
		}
		require.ErrorContains(t, err, problem, number)
		require.Equal(t, transports.Address, transports.Classify(err).Class, number)
		require.ErrorContains(t, transport.CheckAddress(number), problem)
		if len(number) > 5 {
			require.NotContains(t, err.Error(), number)
		}
	}
	require.Equal(t, 4, sink.Requests(), "the others were refused before the network")
}

func TestSenders(t *testing.T) {
	t.Parallel()
	transport, sink := setup(t, nil, nil)
	for from, ok := range map[string]bool{
		"+4930123456": true, "12345": true, "Shop": true, "Shop-24": true, "My Shop": true, "12": false, "123456789": false,
		"a name too long": false, "Shöp": false, "a\nb": false,
	} {
		before := sink.Requests()
		_, err := transport.Send(t.Context(), with(full(), transports.SMSOptions{From: from}))
		if ok {
			require.NoError(t, err, from)
			require.Equal(t, from, sink.Messages()[len(sink.Messages())-1].From)
			continue
		}
		require.Equal(t, transports.Permanent, transports.Classify(err).Class, from)
		require.Equal(t, before, sink.Requests())
	}
	d := transport.Destination(with(full(), transports.SMSOptions{From: "Shop"}))
	require.Equal(t, transports.Destination{Host: "127.0.0.1", Key: "Shop"}, d)
}

func TestNewReportsAllProblems(t *testing.T) {
	t.Parallel()
	_, err := sms.New(nil)
	require.ErrorContains(t, err, "sms: twilio is required, or http")
	_, err = sms.New(&sms.Config{
		Provider: "other", From: "canary canary canary", AllowPrefixes: []string{"49"}, DenyPrefixes: []string{"+canary"}, Timeout: time.Hour,
		Twilio: &sms.TwilioConfig{
			AccountSID: "canary", AuthToken: "canary", APIKey: "canary", MessagingServiceSID: "canary", StatusCallback: "ftp://canary",
			Validity: 11 * time.Hour, APIURL: "https://canary.example.com",
		},
		HTTP: &sms.HTTPConfig{
			URL: "ftp://canary", Method: "CANARY", Headers: map[string]transports.Secret{"a canary": "{{ canary }}"}, Form: map[string]transports.Secret{"x": "{{ to"},
			JSON: "x", Accept: []int{42}, Codes: map[string]string{"1": "canary"}, Idempotent: true, Allow: []string{"canary"},
		},
	})
	for _, field := range []string{
		"provider", "from", "allow_prefixes", "deny_prefixes", "timeout", "twilio.account_sid", "twilio.api_key", "twilio.auth_token",
		"twilio.messaging_service_sid", "twilio.status_callback", "twilio.validity", "twilio.api_url", "http.url", "http.method", "http.headers",
		"http.form", "http.accept", "http.codes", "http.idempotent", "http.allow",
	} {
		require.ErrorContains(t, err, "sms: "+field+" ")
	}
	require.NotContains(t, err.Error(), "canary")

	_, err = sms.New(&sms.Config{
		Twilio: &sms.TwilioConfig{AccountSID: "AC0123456789abcdef0123456789abcdef", AuthToken: "x"},
		HTTP: &sms.HTTPConfig{
			URL: "https://sms.example.com", Form: map[string]transports.Secret{"a": "{{ to }} {{ from }}"}, JSON: "{{ text }}",
		},
	})
	for _, problem := range []string{
		"twilio.messaging_service_sid is required without", "provider is required beside", "http.json has no place beside form", "http.form uses {{ from }}",
	} {
		require.ErrorContains(t, err, problem)
	}
}

// own is a provider of an application's.
type own struct{ send func(sms.Text) error }

func (own) Name() string { return "own" }

func (o own) Send(_ context.Context, text sms.Text) (transports.Result, error) {
	return transports.Result{Provider: "own"}, o.send(text)
}

func TestAProviderOfTheApplications(t *testing.T) {
	t.Parallel()
	var got sms.Text
	answer := error(nil)
	transport := newSMS(t, sms.Config{From: "Shop", Service: own{func(text sms.Text) error {
		got = text
		return answer
	}}})
	result, err := transport.Send(t.Context(), full())
	require.NoError(t, err)
	require.Equal(t, "own", result.Provider)
	require.Equal(t, sms.Text{
		ReceiptID: full().ReceiptID, From: "Shop", To: phone, Attempt: 1, Segments: 1, Encoding: sms.GSM7,
		Body: "Order A7 <b>&</b> two bells [€5]\nhttps://shop.example.com/orders/A7?a=1&b=2",
	}, got)
	for want, said := range map[transports.Class]error{
		transports.Rate: transports.Errorf(transports.Rate, "slow"), transports.Unknown: errors.New("canary"),
	} {
		answer = said
		_, err = transport.Send(t.Context(), full())
		require.Equal(t, want, transports.Classify(err).Class)
		require.NotContains(t, err.Error(), "canary")
	}
}
