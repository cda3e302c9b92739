package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/internal/registry"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// item is one receipt on its way through the stages.
type item struct {
	receipts.Claimed
	event   *registry.Event
	channel *registry.Channel

	// named is the recipient as the receipt or the resolver names it; recipient adds what the directory knows.
	named     transports.Recipient
	recipient transports.Recipient
	person    *people.Person
	verdicts  []receipts.Verdict

	// frozen is what an earlier try stored; body what this one sends.
	frozen *receipts.Body
	body   *receipts.Body
	try    int
	// answered means that the provider was asked, and has none of the earlier tries.
	answered bool
	// traced is the send that is under way; nil before it.
	traced *telemetry.Try

	// contents are what the files hold, by hash; there from before the send until it ends.
	contents map[string][]byte

	// target is where a transport with recipients of its own sends it.
	target any
	// captured means that the mode of delivery keeps the message in the house.
	captured bool

	// sending asks for its send, and admitted is the gate's answer.
	sending  flow.Request
	admitted flow.Verdict

	// result settles the item.
	result *receipts.Result
}

func newItems(batch *receipts.Batch) []*item {
	items := make([]*item, len(batch.Receipts))
	for i, c := range batch.Receipts {
		items[i] = &item{Claimed: c}
	}
	return items
}

func (it *item) subject() registry.Subject {
	return registry.Subject{Event: it.Event.Name, Data: it.Event.Data, Tenant: it.Tenant}
}

// settle ends the item's way through the stages. The verdicts go along if any rule had something to say.
func (it *item) settle(result receipts.Result) {
	result.ID = it.ID
	result.Answered = it.answered
	if result.Recipient == "" && result.Address == "" {
		result.Recipient, result.Address = it.named.ID, it.named.Address
	}
	if result.RecipientData == nil && !it.Bound() {
		result.RecipientData = recipientData(it.named)
	}
	for _, v := range it.verdicts {
		if v.Verdict != verdictPass || v.Row != nil || v.Detail != "" {
			result.Verdicts = it.verdicts
			break
		}
	}
	it.result = &result
}

// message is what the transport gets.
func (it *item) message() transports.Message { return it.messageOf(it.body) }

func (it *item) messageOf(body *receipts.Body) transports.Message {
	var payload []byte
	if body.Payload != "" {
		payload = []byte(body.Payload)
	}
	return transports.Message{
		ReceiptID:        it.ID,
		EventID:          it.EventID,
		Attempt:          it.try,
		Event:            it.Event.Name,
		Channel:          it.Channel,
		Category:         body.Category,
		NotificationType: body.NotificationType,
		Tenant:           it.Tenant,
		ResourceType:     it.Event.ResourceType,
		ResourceID:       it.Event.ResourceID,
		Recipient:        body.Recipient,
		Content:          body.Content,
		Files:            it.filesOf(body),
		Options:          body.Options,
		RenderedAt:       body.RenderedAt,
		OccurredAt:       it.Event.CreatedAt,
		Data:             it.Event.Data,
		Payload:          payload,
		Target:           it.target,
	}
}

// filesOf are the message's files, with what they hold while that is there.
func (it *item) filesOf(body *receipts.Body) []transports.File {
	files := slices.Clone(body.Files)
	for i := range files {
		files[i].Content = it.contents[files[i].Hash]
	}
	return files
}

// recipientData is what a receipt remembers of a recipient beyond id and address; nil if nothing.
func recipientData(r transports.Recipient) json.RawMessage {
	r.ID, r.Address = "", ""
	if r == (transports.Recipient{}) {
		return nil
	}
	// A struct of strings always encodes.
	raw, _ := json.Marshal(r)
	return raw
}

// namedBy is the recipient that a bound receipt names.
func namedBy(r receipts.Receipt) (transports.Recipient, error) {
	var named transports.Recipient
	if r.RecipientData != nil {
		if err := json.Unmarshal(r.RecipientData, &named); err != nil {
			return named, fmt.Errorf("decode recipient_data: %w", err)
		}
	}
	named.ID, named.Address = r.Recipient, r.Address
	return named, nil
}

// attempt describes a try that ended without a provider's answer.
func attempt(class transports.Class, code, detail string, started, finished time.Time) *receipts.Attempt {
	return &receipts.Attempt{
		StartedAt: started, FinishedAt: finished, Outcome: receipts.AttemptRefused,
		Class: class, Code: code, Detail: truncate(detail, maxDetail),
	}
}

// maxDetail bounds what an attempt remembers, in runes.
const maxDetail = 500

func truncate(s string, limit int) string {
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	return string(runes[:limit-1]) + "…"
}
