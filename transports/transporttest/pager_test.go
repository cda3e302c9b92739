package transporttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const pagerToken = "pager-token-5b1e7"

// pager is a small transport over HTTP. It is right, unless it has a vice.
type pager struct {
	url    string
	client *http.Client
	vice   string
	leaked chan struct{}
}

type page struct {
	To    string `json:"to"`
	Text  string `json:"text"`
	Title string `json:"title"`
	Nonce string `json:"nonce,omitempty"`
	Tone  string `json:"tone"`
}

func (p *pager) Name() string { return "pager" }

func (p *pager) Spec() transports.Spec {
	if p.vice == "another name" {
		return pagerSpec("beeper")
	}
	return pagerSpec("pager")
}

type pagerOptions struct {
	Tone string `yaml:"tone" template:"true" doc:"how it rings"`
}

func pagerSpec(name string) transports.Spec {
	return transports.Spec{
		Name: name, Doc: "a pager", Address: transports.AddressEmail,
		Required: []string{transports.FieldTitle, transports.FieldMessage}, Options: pagerOptions{},
	}
}

func (p *pager) CheckAddress(address string) error {
	switch {
	case p.vice == "address in the check":
		return errors.New("not usable: " + address)
	case p.vice != "any fixed address" && !strings.Contains(address, "@"):
		return errors.New("not usable")
	}
	return nil
}

func (p *pager) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if p.vice == "deaf to the context" {
		ctx = context.WithoutCancel(ctx)
	}
	if ctx.Err() != nil {
		return transports.Result{}, transports.Classify(ctx.Err())
	}
	if !strings.Contains(m.Recipient.Address, "@") || strings.ContainsAny(m.Recipient.Address, " ,<>\r\n\x00(") ||
		strings.HasPrefix(m.Recipient.Address, "@") || strings.HasSuffix(m.Recipient.Address, "@") ||
		len(m.Recipient.Address) > 320 {
		if p.vice != "any address" {
			return transports.Result{}, transports.Errorf(transports.Address, "the address is not usable")
		}
	}
	options, err := transports.Options[pagerOptions](m)
	if err != nil && p.vice != "careless about options" {
		return transports.Result{}, err
	}
	body := page{To: m.Recipient.Address, Text: m.Content.Message, Title: m.Content.Title, Tone: options.Tone}
	if p.vice == "an option goes elsewhere" && strings.Contains(options.Tone, "@") {
		body.To = options.Tone
	}
	key := m.ReceiptID.String()
	switch p.vice {
	case "truncates in bytes":
		body.Text = body.Text[:min(len(body.Text), 1000)]
	case "random content":
		body.Nonce = uuid.NewString()
	case "clock in the content":
		body.Nonce = strconv.FormatInt(time.Now().Unix(), 10)
	case "random key":
		key = uuid.NewString()
	case "one key for all":
		key = "key"
	case "interprets":
		body.Text = strings.ReplaceAll(body.Text, "<", "&lt;")
	case "leaves a goroutine":
		go func() { <-p.leaked }()
	}
	raw := encode(body, p.vice == "truncates in bytes")
	tries := 1
	if p.vice == "sends twice" {
		tries = 2
	}
	for range tries {
		err = p.post(ctx, key, raw)
	}
	if err != nil {
		return transports.Result{}, err
	}
	result := transports.Result{Provider: "pager"}
	if p.vice == "secret in the result" {
		result.Detail = pagerToken
	}
	return result, nil
}

// encode leaves broken UTF-8 as it is where a vice needs that; json would mend it.
func encode(body page, raw bool) []byte {
	if raw {
		return fmt.Appendf(nil, `{"to":%q,"title":%q,"text":"%s"}`, body.To, body.Title, strings.NewReplacer(
			`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(body.Text))
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return encoded
}

func (p *pager) post(ctx context.Context, key string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/"+pagerToken, bytes.NewReader(body))
	if err != nil {
		return transports.Errorf(transports.Configuration, "the address of the pager is not usable")
	}
	request.Header.Set("Idempotency-Key", key)
	client := p.client
	if p.vice == "leaves connections" {
		client = &http.Client{Transport: &http.Transport{}}
	}
	response, err := client.Do(request)
	if err != nil {
		if p.vice == "secret in the error" {
			return err
		}
		return &transports.Error{Class: transports.Unknown, Detail: "no answer", Err: errors.Unwrap(err)}
	}
	limit := int64(64 << 10)
	if p.vice == "reads for ever" {
		limit = 1 << 40
	}
	defer func() { _ = response.Body.Close() }()
	reply, _ := io.ReadAll(io.LimitReader(response.Body, limit))
	switch {
	case response.StatusCode == http.StatusOK:
		return nil
	case p.vice == "address in the error":
		return transports.Errorf(transports.Transient, "%s", reply)
	case p.vice == "wrong class":
		return transports.Errorf(transports.Permanent, "refused")
	case response.StatusCode == http.StatusTooManyRequests:
		return &transports.Error{Class: transports.Rate, Detail: "too fast", RetryAfter: 30 * time.Second}
	case response.StatusCode == http.StatusBadRequest:
		return transports.Errorf(transports.Permanent, "refused")
	}
	return transports.Errorf(transports.Transient, "status %d", response.StatusCode)
}

func pagerHarness(vice string) transporttest.Harness {
	return transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			provider := transporttest.NewHTTP(tb, transporttest.HTTPConfig{
				DecodeFunc: func(r *http.Request, body []byte) (transporttest.Delivery, error) {
					var got page
					err := json.Unmarshal(body, &got)
					return transporttest.Delivery{
						Key: r.Header.Get("Idempotency-Key"), Body: body, Address: got.To,
						Content: transports.Content{Title: got.Title, Message: got.Text},
					}, err
				},
				Answers: map[string]transporttest.Answer{
					"400": {Status: http.StatusBadRequest}, "429": {Status: http.StatusTooManyRequests},
					"500": {Status: http.StatusInternalServerError}, "hang up": {HangUp: true},
				},
			})
			client := &http.Client{Transport: &http.Transport{}}
			tb.Cleanup(client.CloseIdleConnections)
			return &pager{url: provider.URL, client: client, vice: vice, leaked: make(chan struct{})}, provider
		},
		Secrets: []string{pagerToken},
		Behaviours: []transporttest.Behaviour{
			{Name: "400", Class: transports.Permanent},
			{Name: "429", Class: transports.Rate, RetryAfter: 30 * time.Second},
			{Name: "500", Class: transports.Transient},
			{Name: "hang up", Class: transports.Unknown},
		},
		MessageFunc: func() transports.Message {
			m := transporttest.NewMessage(pagerSpec("pager"))
			m.Options = json.RawMessage(`{"tone":"canary tone"}`)
			return m
		},
	}
}
