package webhook

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// EventTest is the type of what [Transport.Test] sends.
const EventTest = "carillon.test"

// userAgent tells receivers who calls.
const userAgent = "Carillon-Webhook/1"

// Transport sends webhooks. It is safe for concurrent use.
type Transport struct {
	*settings
	closed atomic.Bool
}

var (
	_ transports.Targeted = (*Transport)(nil)
	_ transports.Encoder  = (*Transport)(nil)
	_ transports.Closer   = (*Transport)(nil)
)

// New makes the transport. A nil config works. The error joins everything that is wrong.
func New(cfg *Config) (*Transport, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	s, err := cfg.settings()
	if err != nil {
		return nil, err
	}
	return &Transport{settings: s}, nil
}

// Name is [transports.Webhook].
func (t *Transport) Name() string { return transports.Webhook }

// Spec is [transports.WebhookSpec].
func (t *Transport) Spec() transports.Spec { return transports.WebhookSpec() }

// Endpoints is the store of the endpoints that the transport sends to, with the same guard and encryption keys.
func (t *Transport) Endpoints() *endpoints.Store { return t.store }

// Close closes idle connections; sends fail from then on.
func (t *Transport) Close(ctx context.Context) error {
	t.closed.Store(true)
	return t.client.Close(ctx)
}

// Encode makes the body in the format of the endpoint, or of the configuration for a fixed URL.
func (t *Transport) Encode(m transports.Message) ([]byte, error) {
	to, err := t.target(m)
	if err != nil {
		return nil, err
	}
	return t.encode(m, to.Format)
}

// Send posts the message to its endpoint. The error has the class of the table for webhooks.
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if t.closed.Load() {
		return transports.Result{}, transports.Errorf(transports.Transient, "the transport is closed")
	}
	to, err := t.target(m)
	if err != nil {
		return transports.Result{}, err
	}
	body := m.Payload
	if body == nil {
		if body, err = t.encode(m, to.Format); err != nil {
			return transports.Result{}, &transports.Error{Class: transports.Permanent, Code: "payload", Detail: err.Error()}
		}
	}
	answer, err := t.post(ctx, to, "msg_"+m.ReceiptID.String(), t.sentAt(m), body)
	if err != nil {
		return transports.Result{}, t.unanswered(ctx, to, m.Attempt, err)
	}
	if answer.Status < 200 || answer.Status > 299 {
		return transports.Result{}, t.refused(to, m, answer)
	}
	return transports.Result{
		Provider: host(to.URL), Detail: strings.TrimSpace(strconv.Itoa(answer.Status) + " " + t.excerptOf(to, m, answer)),
	}, nil
}

// post sends one signed request. The id is the same on every try; the time and the signatures are of this one.
func (t *Transport) post(ctx context.Context, to *endpoints.Target, id string, now time.Time, body []byte) (*egress.Response, error) {
	signatures, err := signature.Sign(id, now, body, to.Keys...)
	if err != nil {
		return nil, transports.Errorf(transports.Configuration, "the endpoint has no key to sign with")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(body))
	if err != nil {
		return nil, &egress.Error{Phase: egress.PhasePolicy, Rule: egress.RuleSyntax, Detail: "not a URL"}
	}
	req.Header.Set("Content-Type", contentTypes[to.Format])
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set(signature.HeaderID, id)
	req.Header.Set(signature.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(signature.HeaderSignature, signatures)
	return t.client.Do(req)
}

// sentAt is what a try is signed with. This machine's clock may be off by more than receivers forgive.
func (t *Transport) sentAt(m transports.Message) time.Time {
	if m.SentAt.IsZero() || t.fixedClock {
		return t.nowFunc()
	}
	return m.SentAt
}

// target is where the message goes: the endpoint that was read for it, or the fixed URL that is its address.
func (t *Transport) target(m transports.Message) (*endpoints.Target, error) {
	if to, ok := m.Target.(*endpoints.Target); ok {
		return to, nil
	}
	if !strings.Contains(m.Recipient.Address, "://") {
		return nil, transports.Errorf(transports.Permanent, "the recipient is neither a stored endpoint nor a URL")
	}
	if len(t.keys) == 0 {
		return nil, transports.Errorf(transports.Configuration, "no key signs what goes to fixed URLs (set keys of the webhook transport)")
	}
	return &endpoints.Target{URL: m.Recipient.Address, Format: t.format, State: endpoints.Enabled, Keys: t.keys}, nil
}

// Test posts an event of type [EventTest] to an endpoint, whether it is enabled or not, and returns the answer. It is no
// receipt's, counts neither as a success nor as a failure of the endpoint, and bears an id of its own.
func (t *Transport) Test(ctx context.Context, to *endpoints.Target) (*TestResult, error) {
	if to.Err != nil {
		return nil, to.Err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("test endpoint: %w", err)
	}
	m := transports.Message{
		ReceiptID: id, EventID: id, Event: EventTest, Tenant: to.Tenant, OccurredAt: t.nowFunc(),
		Data: json.RawMessage(`{"message":"This is a test."}`),
	}
	body, err := t.encode(m, cmp.Or(to.Format, endpoints.Native))
	if err != nil {
		return nil, err
	}
	started := t.nowFunc()
	result := &TestResult{ID: "msg_" + id.String(), Body: string(body)}
	answer, err := t.post(ctx, to, result.ID, started, body)
	result.Took = t.nowFunc().Sub(started)
	if err != nil {
		return nil, err
	}
	result.Status, result.OK = answer.Status, answer.Status >= 200 && answer.Status <= 299
	result.Excerpt = excerpt(to, answer)
	return result, nil
}
