package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
)

// MaxPayload is the largest body that is sent, in bytes. The standard recommends to stay below 20 kB.
const MaxPayload = 256 << 10

// native is the payload that Standard Webhooks recommends, with what else we know beside it.
type native struct {
	Type      string          `json:"type"`
	Timestamp string          `json:"timestamp"`
	ID        string          `json:"id"`
	Tenant    string          `json:"tenant,omitempty"`
	Resource  *resource       `json:"resource,omitempty"`
	Data      json.RawMessage `json:"data"`
	Content   *content        `json:"content,omitempty"`
	// Test marks what an operator sent to try an endpoint.
	Test bool `json:"test,omitempty"`
}

type resource struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
}

type content struct {
	Title       string `json:"title,omitempty"`
	Message     string `json:"message,omitempty"`
	ActionURL   string `json:"action_url,omitempty"`
	ActionLabel string `json:"action_label,omitempty"`
}

// cloudEvent is CloudEvents 1.0 in its structured form. What follows data are extensions, which are simple values.
//
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            string          `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
	Tenant          string          `json:"tenant,omitempty"`
	Title           string          `json:"title,omitempty"`
	Message         string          `json:"message,omitempty"`
	ActionURL       string          `json:"actionurl,omitempty"`
	ActionLabel     string          `json:"actionlabel,omitempty"`
	Test            bool            `json:"test,omitempty"`
}

// contentTypes are those of the formats.
var contentTypes = map[endpoints.Format]string{
	endpoints.Native:      "application/json",
	endpoints.CloudEvents: "application/cloudevents+json; charset=utf-8",
}

// encode makes the body of a message in a format.
func (t *Transport) encode(m transports.Message, format endpoints.Format) ([]byte, error) {
	data := m.Data
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	c := m.Content
	occurred := m.OccurredAt.UTC().Format(time.RFC3339Nano)
	test := m.Event == EventTest
	var body any
	if format == endpoints.CloudEvents {
		subject := m.ResourceID
		if m.ResourceType != "" && subject != "" {
			subject = m.ResourceType + "/" + subject
		}
		body = cloudEvent{
			SpecVersion: "1.0", ID: m.EventID.String(), Source: t.source, Type: m.Event, Subject: subject, Time: occurred,
			DataContentType: "application/json", Data: data, Tenant: m.Tenant, Title: c.Title, Message: c.Message,
			ActionURL: c.ActionURL, ActionLabel: c.ActionLabel, Test: test,
		}
	} else {
		n := native{Type: m.Event, Timestamp: occurred, ID: m.EventID.String(), Tenant: m.Tenant, Data: data, Test: test}
		if m.ResourceType != "" || m.ResourceID != "" {
			n.Resource = &resource{m.ResourceType, m.ResourceID}
		}
		if said := (content{c.Title, c.Message, c.ActionURL, c.ActionLabel}); said != (content{}) {
			n.Content = &said
		}
		body = n
	}
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("encode the webhook: %w", err)
	}
	out := bytes.TrimRight(encoded.Bytes(), "\n")
	if len(out) > MaxPayload {
		return nil, fmt.Errorf("the webhook has %d bytes (at most %d; send less data, or a reference)", len(out), MaxPayload)
	}
	return out, nil
}
