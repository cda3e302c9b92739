package discordsink

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// The limits are those of https://discord.com/developers/docs/resources/message#embed-object-embed-limits,
// #create-message and https://discord.com/developers/docs/resources/webhook#execute-webhook.
const (
	maxContent     = 2000
	maxEmbeds      = 10
	maxTitle       = 256
	maxDescription = 4096
	maxFields      = 25
	maxFieldName   = 256
	maxFieldValue  = 1024
	maxAll         = 6000
	maxNonce       = 25
	maxUsername    = 80
	maxMentions    = 100
)

// Discord's own numbers. https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
const (
	codeUnknownChannel = 10003
	codeUnknownWebhook = 10015
	codeEmptyMessage   = 50006
	codeInvalidForm    = 50035
	codeInvalidJSON    = 50109
)

// read decodes a body, and says by which number Discord would refuse it; 0 if it would not.
func read(r *http.Request, body []byte) (m Message, refusal int) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || json.Unmarshal(body, &m) != nil {
		return m, codeInvalidJSON
	}
	m.Raw = body
	if strings.TrimSpace(m.Content) == "" && len(m.Embeds) == 0 {
		return m, codeEmptyMessage
	}
	name := strings.ToLower(m.Username)
	if width(m.Content) > maxContent || len(m.Embeds) > maxEmbeds || width(m.Nonce) > maxNonce || width(m.Username) > maxUsername ||
		strings.Contains(name, "discord") || strings.Contains(name, "clyde") || !m.AllowedMentions.ok() {
		return m, codeInvalidForm
	}
	all := 0
	for _, e := range m.Embeds {
		if !e.ok() {
			return m, codeInvalidForm
		}
		all += width(e.Title) + width(e.Description)
		for _, f := range e.Fields {
			all += width(f.Name) + width(f.Value)
		}
	}
	if all > maxAll {
		return m, codeInvalidForm
	}
	return m, 0
}

func (e Embed) ok() bool {
	if e.Timestamp != "" {
		if _, err := time.Parse(time.RFC3339, e.Timestamp); err != nil {
			return false
		}
	}
	for _, f := range e.Fields {
		if f.Name == "" || f.Value == "" || width(f.Name) > maxFieldName || width(f.Value) > maxFieldValue {
			return false
		}
	}
	web := e.URL == "" || strings.HasPrefix(e.URL, "https://") || strings.HasPrefix(e.URL, "http://")
	return web && len(e.Fields) <= maxFields && width(e.Title) <= maxTitle && width(e.Description) <= maxDescription &&
		e.Color >= 0 && e.Color <= 0xffffff && e.Title+e.Description != ""
}

// ok refuses the combinations that allowed mentions must not have.
// https://discord.com/developers/docs/resources/message#allowed-mentions-object
func (m *Mentions) ok() bool {
	if m == nil {
		return true
	}
	for _, kind := range m.Parse {
		if kind == "roles" && len(m.Roles) > 0 || kind == "users" && len(m.Users) > 0 {
			return false
		}
	}
	return len(m.Roles) <= maxMentions && len(m.Users) <= maxMentions
}
