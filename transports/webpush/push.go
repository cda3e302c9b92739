package webpush

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	push "github.com/SherClockHolmes/webpush-go"

	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// userAgent tells push services who calls.
const userAgent = "Carillon (https://github.com/carillon-notify/carillon)"

// bulletin is what all devices of a person get.
type bulletin struct {
	body    []byte
	topic   string
	options transports.WebPushOptions
	attempt int
}

// push sends a bulletin to one device, once, and notes what became of it. Nil means that its push service took it.
func (t *Transport) push(ctx context.Context, to *subscriptions.Target, d subscriptions.Device, b *bulletin) (failure *transports.Error) {
	outcome, code := subscriptions.Failed, "panic"
	defer func() {
		// The pipeline contains what panics on its own goroutine alone.
		if recovered := recover(); recovered != nil {
			failure = transports.Errorf(transports.Transient, "encrypting panicked with a %T", recovered)
		}
		to.Note(d.Of(outcome, code))
	}()
	status, failure := t.post(ctx, d, b)
	if failure == nil {
		outcome, code = subscriptions.Accepted, strconv.Itoa(status)
		return nil
	}
	code = failure.Code
	switch {
	case failure.Class == transports.Unknown:
		outcome = subscriptions.Unknown
	case failure.Class == transports.Permanent:
		outcome = subscriptions.Rejected
	case failure.Class == transports.Address && turnsDown(status):
		outcome = subscriptions.TurnedDown
	case failure.Class == transports.Address:
		outcome = subscriptions.Gone
	}
	return failure
}

// turnsDown tells an answer about our keys from one about the subscription.
func turnsDown(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// post makes the request for a device and sends it. The status is 0 without an answer.
func (t *Transport) post(ctx context.Context, d subscriptions.Device, b *bulletin) (status int, failure *transports.Error) {
	table := classify.WebPush()
	traced, request := classify.Trace(ctx)
	req, err := t.request(traced, d, b)
	if err != nil {
		return 0, &transports.Error{Class: transports.Permanent, Code: "encrypt", Detail: "the message cannot be encrypted for the device", Err: err}
	}
	answer, err := t.client.Do(req)
	if err != nil {
		o := request.Failed(ctx, err)
		o.Attempt = b.attempt
		var failed *egress.Error
		if errors.As(err, &failed) && failed.Phase == egress.PhasePolicy {
			o.Fault = classify.FaultBlocked
		}
		failure = table.Classify(o)
		if failed != nil {
			failure.Code = string(failed.Phase)
		}
		return 0, failure
	}
	host := req.URL.Host
	if answer.Status/100 == 2 {
		t.streaks.end(host)
		return answer.Status, nil
	}
	o := classify.Outcome{
		Stage: classify.StageAnswer, Status: answer.Status, Attempt: b.attempt,
		RetryAfter: classify.RetryAfter(answer.Header.Get("Retry-After"), answer.Header.Get("Date"), t.nowFunc()),
	}
	if turnsDown(answer.Status) {
		o.InARow = t.streaks.count(host)
	}
	return answer.Status, table.Classify(o)
}

// captured takes the request that the library would send, so that it leaves by the guarded client.
type captured struct{ req *http.Request }

var errCaptured = errors.New("captured")

func (c *captured) Do(req *http.Request) (*http.Response, error) {
	c.req = req
	return nil, errCaptured
}

// request encrypts a bulletin for a device and signs for its push service.
func (t *Transport) request(ctx context.Context, d subscriptions.Device, b *bulletin) (*http.Request, error) {
	var c captured
	// The library writes its padding behind the message, into the bytes that it is given.
	_, err := push.SendNotificationWithContext(ctx, bytes.Clone(b.body), &push.Subscription{ //nolint:bodyclose // captured gives no response
		Endpoint: d.Endpoint,
		Keys: push.Keys{
			P256dh: base64.RawURLEncoding.EncodeToString(d.P256dh), Auth: base64.RawURLEncoding.EncodeToString(d.Auth),
		},
	}, &push.Options{
		HTTPClient: &c, Subscriber: t.subject, VAPIDPublicKey: t.keys.Public, VAPIDPrivateKey: t.keys.Private.Reveal(),
		TTL: int(b.options.TTL.Seconds()), Urgency: push.Urgency(b.options.Urgency), Topic: b.topic,
	})
	if !errors.Is(err, errCaptured) {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	c.req.Header.Set("User-Agent", userAgent)
	return c.req, nil
}

// streaks counts, for each push service, the refusals of our keys since it last took a message: one is about its
// subscription, many in a row are about us.
type streaks struct {
	mu     sync.Mutex
	byHost map[string]int
}

func (s *streaks) count(host string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byHost == nil {
		s.byHost = map[string]int{}
	}
	s.byHost[host]++
	return s.byHost[host]
}

func (s *streaks) end(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byHost, host)
}

// hostOf is the push service of a device.
func hostOf(d subscriptions.Device) string {
	u, err := url.Parse(d.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}
