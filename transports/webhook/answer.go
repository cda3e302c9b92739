package webhook

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
)

// TestResult is the answer to a test.
type TestResult struct {
	// ID is the webhook-id of the request.
	ID string `json:"id"`
	// OK says that the answer was 2xx.
	OK     bool `json:"ok"`
	Status int  `json:"status"`
	// Excerpt is the beginning of the answer's body: what prints, without secrets.
	Excerpt string `json:"excerpt,omitempty"`
	// Took is from the first look-up to the answer.
	Took time.Duration `json:"took_ns"`
	// Body is what was sent.
	Body string `json:"body"`
}

// unanswered classifies a request to which there was no answer.
func (t *Transport) unanswered(ctx context.Context, to *endpoints.Target, attempt int, err error) error {
	var failed *egress.Error
	if !errors.As(err, &failed) {
		return err
	}
	o := classify.Outcome{Stage: classify.StageRequest, Attempt: attempt, Keyed: true, Failing: t.failing(to), Err: err}
	if failed.Written {
		o.Stage = classify.StageAnswer
	}
	switch {
	case failed.Phase == egress.PhasePolicy:
		o.Fault = classify.FaultBlocked
	case failed.Phase == egress.PhaseTLS && ctx.Err() == nil && classify.FaultOf(ctx, failed.Err) != classify.FaultCertificate:
		o.Fault = classify.FaultTLS
	default:
		o.Fault = classify.FaultOf(ctx, failed.Err)
	}
	e := classify.Webhook().Classify(o)
	e.Code, e.Detail = string(failed.Phase), e.Detail+": "+failed.Error()
	return e
}

// refused classifies an answer that is no 2xx.
func (t *Transport) refused(to *endpoints.Target, m transports.Message, answer *egress.Response) error {
	e := classify.Webhook().Classify(classify.Outcome{
		Stage: classify.StageAnswer, Status: answer.Status, Attempt: m.Attempt, Keyed: true, Failing: t.failing(to),
		RetryAfter: classify.RetryAfter(answer.Header.Get("Retry-After"), answer.Header.Get("Date"), t.nowFunc()),
	})
	if said := t.excerptOf(to, m, answer); said != "" {
		e.Detail += ": " + said
	}
	return e
}

func (t *Transport) failing(to *endpoints.Target) time.Duration {
	if to.FailingSince == nil {
		return 0
	}
	return t.nowFunc().Sub(*to.FailingSince)
}

// excerptOf is what an attempt keeps of an answer, if that is wanted. It is not what the receiver says of itself alone:
// a debug page repeats the request, so address, body and keys are taken out.
func (t *Transport) excerptOf(to *endpoints.Target, m transports.Message, answer *egress.Response) string {
	if !t.excerpt {
		return ""
	}
	return excerpt(to, answer, append(said(m.Content), string(m.Payload), string(m.Data), m.Recipient.Address)...)
}

// maxExcerpt is how much of an answer is kept, in runes.
const maxExcerpt = 400

func excerpt(to *endpoints.Target, answer *egress.Response, secrets ...string) string {
	for _, k := range to.Keys {
		secrets = append(secrets, k.Reveal())
	}
	if u, err := url.Parse(to.URL); err == nil {
		secrets = append(secrets, u.RequestURI(), u.Path, u.RawQuery)
	}
	text := []rune(egress.Scrub(string(answer.Body), secrets...))
	if len(text) > maxExcerpt {
		return string(text[:maxExcerpt-1]) + "…"
	}
	return string(text)
}

func said(c transports.Content) []string {
	var all []string
	for _, f := range c.Fields() {
		all = append(all, *f.Value)
	}
	return all
}

// host is what an attempt may say of a URL.
func host(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
