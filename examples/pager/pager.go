package pager

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/carillon-notify/carillon/transports"
)

// Options are what a channel may set.
type Options struct {
	Tone string `yaml:"tone" oneof:"soft,loud" default:"soft" doc:"how it rings"`
}

// Spec tells declarations what the transport needs.
func Spec() transports.Spec {
	return transports.Spec{
		Name: "pager", Doc: "a pager", Address: transports.AddressPhone,
		Required: []string{transports.FieldMessage}, Options: Options{},
	}
}

// Transport pages people. Its client has a timeout and follows no redirects.
type Transport struct {
	URL    string
	Token  transports.Secret
	Client *http.Client
}

// Name is "pager".
func (t *Transport) Name() string { return Spec().Name }

// Spec is [Spec].
func (t *Transport) Spec() transports.Spec { return Spec() }

// Send tries once.
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	options, err := transports.Options[Options](m)
	if err != nil {
		return transports.Result{}, err
	}
	if m.Recipient.Address == "" {
		return transports.Result{}, transports.Errorf(transports.Address, "the recipient has no number")
	}
	page, err := json.Marshal(map[string]string{"to": m.Recipient.Address, "text": m.Content.Message, "tone": options.Tone})
	if err != nil {
		return transports.Result{}, transports.Errorf(transports.Permanent, "the page cannot be encoded")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL, bytes.NewReader(page))
	if err != nil {
		return transports.Result{}, transports.Errorf(transports.Configuration, "the pager's URL is not usable")
	}
	request.Header.Set("Authorization", "Bearer "+t.Token.Reveal())
	request.Header.Set("Idempotency-Key", m.ReceiptID.String())
	response, err := t.Client.Do(request)
	switch {
	case err != nil && ctx.Err() != nil: // Nothing is known, and nothing lost: the key makes another try safe.
		return transports.Result{}, transports.Classify(ctx.Err())
	case err != nil: // Its text has the URL, so it is wrapped and not printed.
		return transports.Result{}, &transports.Error{Class: transports.Transient, Detail: "no answer", Err: err}
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // What is read to its end keeps its connection.
	return transports.Result{Provider: "pager"}, classify(response)
}

// classify says what the service meant.
func classify(response *http.Response) error {
	class := transports.Transient
	switch response.StatusCode {
	case http.StatusOK, http.StatusAccepted:
		return nil
	case http.StatusTooManyRequests:
		class = transports.Rate
	case http.StatusBadRequest:
		class = transports.Permanent
	case http.StatusNotFound:
		class = transports.Address
	case http.StatusUnauthorized, http.StatusForbidden:
		class = transports.Configuration
	}
	return transports.Errorf(class, "the pager answered %d", response.StatusCode)
}
