package sms

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
	"github.com/carillon-notify/carillon/transports/internal/provider"
)

// TwilioConfig is an account at Twilio. https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
type TwilioConfig struct {
	// AccountSID is the account's, AC and 32 hexadecimal digits. Required.
	AccountSID string `yaml:"account_sid"`
	// AuthToken is the account's password. One of auth_token and api_key is required.
	AuthToken transports.Secret `yaml:"auth_token"`
	// APIKey is the SID of a key, SK and 32 hexadecimal digits, which can be withdrawn by itself. It needs api_key_secret.
	APIKey transports.Secret `yaml:"api_key"`
	// APIKeySecret is what belongs to api_key.
	APIKeySecret transports.Secret `yaml:"api_key_secret"`
	// MessagingServiceSID is a messaging service, MG and 32 hexadecimal digits, which chooses the sender where none is
	// named. Required without from.
	MessagingServiceSID string `yaml:"messaging_service_sid"`
	// StatusCallback is where Twilio reports what became of a text, an https URL; the receipt's id is added to its query as
	// receipt. Defaults to none.
	StatusCallback string `yaml:"status_callback"`
	// Validity is how long Twilio may keep a text in its queue, 1s to 10h, in whole seconds. Defaults to Twilio's, 10h.
	Validity time.Duration `yaml:"validity"`
	// APIURL is where the API is: Twilio's, one of its regions, or a server on this machine. Defaults to
	// https://api.twilio.com.
	APIURL string `yaml:"api_url"`
}

const (
	defaultTwilioURL = "https://api.twilio.com"
	maxValidity      = 10 * time.Hour
)

// twilioHosts are those of the regions, too. https://www.twilio.com/docs/global-infrastructure/using-the-twilio-rest-api-in-a-non-us-region
func twilioHosts() []string {
	return []string{"api.twilio.com", "api.dublin.ie1.twilio.com", "api.sydney.au1.twilio.com", "api.ashburn.us1.twilio.com"}
}

// twilio is the provider.
type twilio struct {
	config        TwilioConfig
	messages      *url.URL
	callback      *url.URL
	authorization string
	client        *provider.Client
	nowFunc       func() time.Time
}

var _ Provider = (*twilio)(nil)

func newTwilio(c Config, problem func(field, format string, args ...any)) Provider {
	t := &twilio{config: *c.Twilio, nowFunc: c.NowFunc}
	found := false
	refuse := func(field, format string, args ...any) {
		found = true
		problem("twilio."+field, format, args...)
	}
	sid := func(field, prefix, value string, required bool) {
		if !regexp.MustCompile(`^`+prefix+`[0-9a-fA-F]{32}$`).MatchString(value) && (value != "" || required) {
			refuse(field, "is not %s with 32 hexadecimal digits", prefix)
		}
	}
	sid("account_sid", "AC", t.config.AccountSID, true)
	sid("api_key", "SK", t.config.APIKey.Reveal(), false)
	sid("messaging_service_sid", "MG", t.config.MessagingServiceSID, false)
	user, password := t.config.AccountSID, t.config.AuthToken.Reveal()
	switch {
	case (t.config.AuthToken == "") == (t.config.APIKey == ""):
		refuse("auth_token", "is required, or api_key (one of the two)")
	case (t.config.APIKey == "") != (t.config.APIKeySecret == ""):
		refuse("api_key_secret", "belongs to api_key")
	case t.config.APIKey != "":
		user, password = t.config.APIKey.Reveal(), t.config.APIKeySecret.Reveal()
	}
	if c.From == "" && t.config.MessagingServiceSID == "" {
		refuse("messaging_service_sid", "is required without transports.sms.from")
	}
	if t.config.StatusCallback != "" {
		var err error
		if t.callback, err = provider.ParseURL(t.config.StatusCallback, nil); err != nil {
			refuse("status_callback", "%s", err)
		}
	}
	if v := t.config.Validity; v != 0 && (v < time.Second || v > maxValidity || v%time.Second != 0) {
		refuse("validity", "must be 1s to 10h, in whole seconds")
	}
	api, err := provider.ParseURL(cmp.Or(t.config.APIURL, defaultTwilioURL), twilioHosts())
	if err != nil {
		refuse("api_url", "%s", err)
	}
	if found {
		return nil
	}
	t.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	t.messages = api.JoinPath("2010-04-01", "Accounts", t.config.AccountSID, "Messages.json")
	t.client, err = provider.NewClient(provider.Config{
		URLs: []*url.URL{api}, Timeout: c.Timeout, Secrets: []string{password, t.authorization},
	})
	if err != nil {
		refuse("api_url", "%s", err)
		return nil
	}
	return t
}

// Name is the API's host.
func (t *twilio) Name() string { return t.messages.Hostname() }

// Close closes the idle connections.
func (t *twilio) Close(ctx context.Context) error { return t.client.Close(ctx) }

// reply is both a message and a refusal. https://www.twilio.com/docs/usage/troubleshooting/debugging-your-application
type reply struct {
	SID       string `json:"sid"`
	ErrorCode int    `json:"error_code"`
	Code      int    `json:"code"`
}

// Send posts the form.
func (t *twilio) Send(ctx context.Context, text Text) (transports.Result, error) {
	header := http.Header{"Authorization": {t.authorization}, "Content-Type": {"application/x-www-form-urlencoded"}}
	answer, failed := t.client.Do(ctx, http.MethodPost, t.messages.String(), header, []byte(t.form(text).Encode()))
	if failed != nil {
		failed.Attempt = text.Attempt
		return transports.Result{}, classify.Twilio().Classify(*failed)
	}
	var r reply
	err := json.NewDecoder(bytes.NewReader(answer.Body)).Decode(&r)
	accepted := answer.Status/100 == 2
	if accepted && err == nil && r.SID != "" && r.ErrorCode == 0 {
		return transports.Result{Provider: t.Name(), ProviderMessageID: r.SID}, nil
	}
	code := ""
	if n := cmp.Or(r.Code, r.ErrorCode); n != 0 {
		code = strconv.Itoa(n)
	}
	o := provider.Answered(answer, code, "", text.Attempt, t.nowFunc())
	if accepted && code == "" {
		// A success that cannot be read may be one.
		o.Fault = classify.FaultProtocol
	}
	return transports.Result{}, classify.Twilio().Classify(o)
}

func (t *twilio) form(text Text) url.Values {
	form := url.Values{"To": {text.To}, "Body": {text.Body}}
	if text.From != "" {
		form.Set("From", text.From)
	}
	if t.config.MessagingServiceSID != "" {
		form.Set("MessagingServiceSid", t.config.MessagingServiceSID)
	}
	if t.config.Validity != 0 {
		form.Set("ValidityPeriod", strconv.Itoa(int(t.config.Validity/time.Second)))
	}
	if t.callback != nil {
		callback := *t.callback
		query := callback.Query()
		query.Set("receipt", text.ReceiptID.String())
		callback.RawQuery = query.Encode()
		form.Set("StatusCallback", callback.String())
	}
	return form
}
