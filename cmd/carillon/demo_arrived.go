package main

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/carillon-notify/carillon/internal/discordsink"
	"github.com/carillon-notify/carillon/internal/slacksink"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// demoMessage is what a receiver got.
type demoMessage struct {
	Transport string
	// Receipt is its receipt as the message itself names it: the id's hex digits, or the last of them.
	Receipt string
	// Device is which of a person's browsers showed it.
	Device string
	// To is where it arrived, and Lines what stands there.
	To    string
	Lines []string
}

// messages are what all receivers got, each read as its reader does.
func (r *demoReceivers) messages() []demoMessage {
	var all []demoMessage
	for _, m := range r.slack.Messages() {
		receipt, _ := m.Metadata.EventPayload["receipt_id"].(string)
		one := demoMessage{Transport: transports.Slack, Receipt: digits(receipt), To: m.Channel}
		if m.ThreadTS != "" {
			one.To += ", in a thread"
		}
		for _, block := range m.Blocks {
			if text := slacksink.TextOf(block); text != "" {
				one.Lines = append(one.Lines, text)
			}
		}
		all = append(all, one)
	}
	for _, m := range r.discord.Messages() {
		// The nonce holds all but the first byte of the id.
		id, _ := base32.HexEncoding.DecodeString(m.Nonce)
		one := demoMessage{Transport: transports.Discord, Receipt: hex.EncodeToString(id), To: "channel " + m.Channel}
		for _, e := range m.Embeds {
			one.Lines = append(one.Lines, discordsink.Unescape(e.Title), discordsink.Unescape(e.Description))
		}
		all = append(all, one)
	}
	for _, m := range r.twilio.Messages() {
		one := demoMessage{Transport: transports.SMS, To: m.To, Lines: []string{m.Body}}
		if callback, err := url.Parse(m.StatusCallback); err == nil {
			one.Receipt = digits(callback.Query().Get("receipt"))
		}
		all = append(all, one)
	}
	for _, w := range r.hooks.Messages() {
		all = append(all, demoMessage{
			Transport: transports.Webhook, Receipt: digits(strings.TrimPrefix(w.ID, "msg_")), To: "the city hall, signature verified",
			Lines: []string{string(w.Body)},
		})
	}
	for _, m := range r.push.Messages() {
		id, _ := base64.RawURLEncoding.DecodeString(m.Topic)
		var said struct{ Title, Body string }
		_ = json.Unmarshal(m.Payload, &said) // What cannot be read shows nothing.
		all = append(all, demoMessage{
			Transport: transports.WebPush, Receipt: hex.EncodeToString(id), Device: m.Device, To: "the browser on a " + m.Device + ", decrypted there",
			Lines: []string{said.Title, said.Body},
		})
	}
	return all
}

// digits are those of an id.
func digits(id string) string { return strings.ReplaceAll(id, "-", "") }

// arrived are the messages that are this run's: all but those of receipts that an earlier run has left, and which our
// worker delivers as well.
func (s *demoStage) arrived(ctx context.Context, own []receipts.Receipt) ([]demoMessage, error) {
	var ours []demoMessage
	for _, m := range s.receivers.messages() {
		known := slices.ContainsFunc(own, func(r receipts.Receipt) bool { return m.is(r.ID.String()) })
		if !known {
			others, err := s.isOfOthers(ctx, m)
			if err != nil {
				return nil, err
			}
			if others {
				continue
			}
		}
		ours = append(ours, m)
	}
	return ours, nil
}

// is says whether the message is of a receipt.
func (m demoMessage) is(receipt string) bool {
	return len(m.Receipt) > 8 && strings.HasSuffix(digits(receipt), m.Receipt)
}

// isOfOthers says whether a message is of another tenant's receipt. One of no receipt is nobody's, and so counts.
func (s *demoStage) isOfOthers(ctx context.Context, m demoMessage) (bool, error) {
	if len(m.Receipt) < 8 {
		return false, nil
	}
	found, err := s.store.List(ctx, s.pool, receipts.Filter{Transport: m.Transport, Limit: demoPage})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(found, func(r receipts.Receipt) bool { return r.Tenant != s.city && m.is(r.ID.String()) }), nil
}
