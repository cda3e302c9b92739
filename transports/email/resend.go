package email

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
	"github.com/carillon-notify/carillon/transports/internal/provider"
)

// ResendConfig is an account at Resend. https://resend.com/docs/api-reference/emails/send-email
type ResendConfig struct {
	// APIKey is the account's, re_…, with the permission to send. Required.
	APIKey transports.Secret `yaml:"api_key"`
	// Timeout bounds one Send; at most 60s. Defaults to 30s.
	Timeout time.Duration `yaml:"timeout"`
	// APIURL is where the API is: Resend's, or a server on this machine. Defaults to https://api.resend.com.
	APIURL string `yaml:"api_url"`

	// NowFunc replaces the clock in tests. Defaults to [time.Now].
	NowFunc func() time.Time `yaml:"-"`
}

const (
	defaultResendURL     = "https://api.resend.com"
	defaultResendTimeout = 30 * time.Second
	// resendKeysLast is how long Resend is relied on to know a key: an hour less than it says, for clocks that differ.
	// https://resend.com/docs/dashboard/emails/idempotency-keys
	resendKeysLast = 23 * time.Hour
)

// resend sends mails by Resend's API.
type resend struct {
	settings *settings
	emails   *url.URL
	key      transports.Secret
	client   *provider.Client
	nowFunc  func() time.Time
}

// newResend checks the section. Nil comes with at least one problem.
func newResend(s *settings, c ResendConfig, problem func(field, format string, args ...any)) *resend {
	key := c.APIKey.Reveal()
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		problem("resend.api_key", "is required, and without blanks")
		return nil
	}
	c.Timeout = cmp.Or(c.Timeout, defaultResendTimeout)
	if err := provider.CheckTimeout(c.Timeout); err != nil {
		problem("resend.timeout", "%s", err)
		return nil
	}
	api, err := provider.ParseURL(cmp.Or(c.APIURL, defaultResendURL), []string{"api.resend.com"})
	if err != nil {
		problem("resend.api_url", "%s", err)
		return nil
	}
	client, err := provider.NewClient(provider.Config{URLs: []*url.URL{api}, Timeout: c.Timeout, Secrets: []string{key}})
	if err != nil {
		problem("resend.api_url", "%s", err)
		return nil
	}
	r := &resend{settings: s, emails: api.JoinPath("emails"), key: c.APIKey, client: client, nowFunc: c.NowFunc}
	if r.nowFunc == nil {
		r.nowFunc = time.Now
	}
	return r
}

// resendMail is the body of a request.
type resendMail struct {
	From        string            `json:"from"`
	To          []string          `json:"to"`
	Subject     string            `json:"subject"`
	Text        string            `json:"text"`
	HTML        string            `json:"html,omitempty"`
	ReplyTo     []string          `json:"reply_to,omitempty"`
	Headers     map[string]string `json:"headers"`
	Tags        []resendTag       `json:"tags"`
	Attachments []resendFile      `json:"attachments,omitempty"`
}

// resendTag comes back with Resend's reports.
type resendTag struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type resendFile struct {
	Filename    string `json:"filename"`
	Content     string `json:"content"`
	ContentType string `json:"content_type,omitempty"`
	ContentID   string `json:"content_id,omitempty"`
}

// compose makes the body for m, by the rules of a letter. Equal messages give equal bytes.
func (r *resend) compose(m transports.Message) ([]byte, error) {
	from, replyTo, err := r.settings.senders(m.Content)
	if err != nil {
		return nil, err
	}
	to, err := parseAddress(m.Recipient.Address)
	if err != nil {
		return nil, transports.Errorf(transports.Address, "the recipient's address is not usable: %v", err)
	}
	to.name = displayName(m.Recipient.Name)
	if err := checkMessage(m); err != nil {
		return nil, err
	}
	body := resendMail{
		From: from.text(), To: []string{to.text()},
		Subject: truncate(strings.ToValidUTF8(m.Content.Subject, "\uFFFD"), maxSubject),
		Headers: map[string]string{"Auto-Submitted": "auto-generated"},
		Tags:    []resendTag{{Name: "receipt", Value: m.ReceiptID.String()}},
	}
	body.Text, body.HTML = bodies(m.Content)
	if replyTo != nil {
		body.ReplyTo = []string{replyTo.text()}
	}
	for _, h := range r.settings.headers {
		body.Headers[h.name] = h.value
	}
	for _, f := range m.Files {
		file := resendFile{Filename: f.Name, Content: base64.StdEncoding.EncodeToString(f.Content), ContentType: f.MediaType}
		if body.HTML != "" {
			file.ContentID = f.ContentID
		}
		body.Attachments = append(body.Attachments, file)
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, transports.Errorf(transports.Permanent, "the mail cannot be encoded")
	}
	return raw, nil
}

// send posts m under the receipt's id as its key. Resend answers a repetition within a day as it did at first.
func (r *resend) send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if err := ctx.Err(); err != nil {
		return transports.Result{}, transports.Classify(err)
	}
	body, err := r.compose(m)
	if err != nil {
		return transports.Result{}, err
	}
	// No try can have been before the message was rendered, so that its key is at most as old.
	keyed := r.nowFunc().Sub(m.RenderedAt) < resendKeysLast
	header := http.Header{"Authorization": {"Bearer " + r.key.Reveal()}, "Idempotency-Key": {m.ReceiptID.String()}}
	answer, failed := r.client.Post(ctx, r.emails.String(), header, body)
	if failed != nil {
		failed.Attempt, failed.Keyed = m.Attempt, keyed
		return transports.Result{}, classify.Resend().Classify(*failed)
	}
	var reply struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	err = json.NewDecoder(bytes.NewReader(answer.Body)).Decode(&reply)
	accepted := answer.Status/100 == 2
	if accepted && err == nil && reply.ID != "" {
		return transports.Result{Provider: r.emails.Hostname(), ProviderMessageID: printableID(reply.ID)}, nil
	}
	o := provider.Answered(answer, reply.Name, "", m.Attempt, r.nowFunc())
	o.Keyed = keyed
	if accepted {
		// A success that cannot be read may be one.
		o.Fault = classify.FaultProtocol
	}
	return transports.Result{}, classify.Resend().Classify(o)
}

// maxID is how much of an id is kept.
const maxID = 128

// printableID is an id as it may be stored and shown; empty if it is none.
func printableID(id string) string {
	if len(id) > maxID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return id
}
