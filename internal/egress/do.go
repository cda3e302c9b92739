package egress

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// Response is an answer, read and closed.
type Response struct {
	// Status is the status code.
	Status int
	// Header is the answer's head.
	Header http.Header
	// Body is the beginning of the body, as it came over the wire; at most Config.MaxBody.
	Body []byte
	// Partial says that Body is not all: the answer was longer, or broke off, or took too long.
	Partial bool
}

// Do sends a request and reads its answer, whatever its status; a redirect is an answer. The error is an [*Error]:
// there was no answer. Once the status is known there is no error any more, since it says what became of the request.
func (c *Client) Do(req *http.Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(req.Context(), c.config.Timeout)
	defer cancel()
	res, tracked, err := c.roundTrip(req.WithContext(ctx))
	if err != nil {
		return nil, c.wrap(req, tracked, err)
	}
	defer res.Body.Close()
	// Ending the context is what interrupts a read that waits.
	patience := time.AfterFunc(c.config.BodyTimeout, cancel)
	defer patience.Stop()
	answer := &Response{Status: res.StatusCode, Header: res.Header}
	answer.Body, err = io.ReadAll(io.LimitReader(res.Body, c.config.MaxBody+1))
	if int64(len(answer.Body)) > c.config.MaxBody {
		answer.Body, answer.Partial = answer.Body[:c.config.MaxBody], true
	}
	answer.Partial = answer.Partial || err != nil
	return answer, nil
}

// Wrap turns an error of [Client.HTTPClient], or of an SDK that was given it, into an [*Error] whose text is harmless.
// Whether the request was written is known only if the error came from the client itself.
func (c *Client) Wrap(err error) *Error {
	return c.wrap(nil, &progress{}, err)
}

// wrap says in harmless words why there was no answer.
func (c *Client) wrap(req *http.Request, p *progress, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		full := *known
		if full.Host == "" && req != nil {
			full.Host = c.scrub(req, req.URL.Hostname())
		}
		return &full
	}
	out := &Error{Phase: p.phase(), Written: p.written.Load(), Err: err}
	if req != nil {
		out.Host = c.scrub(req, req.URL.Hostname())
	}
	phase, words := explain(err)
	if phase != "" {
		out.Phase = phase
	}
	if words == "" {
		words = c.scrub(req, err.Error())
	}
	out.Detail = words
	return out
}

// scrub takes out the secrets of the client and of the request's own URL.
func (c *Client) scrub(req *http.Request, text string) string {
	secrets := append([]string(nil), c.config.Secrets...)
	if req != nil {
		secrets = append(secrets, req.URL.String(), req.URL.RequestURI(), req.URL.Path, req.URL.RawQuery)
		if password, set := req.URL.User.Password(); set {
			secrets = append(secrets, password)
		}
	}
	return Scrub(text, secrets...)
}
