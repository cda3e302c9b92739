package main

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

const demoPage = 500

// demoReceipt is one line of what the demo prints.
type demoReceipt struct {
	Event      string          `json:"event"`
	Channel    string          `json:"channel"`
	Transport  string          `json:"transport"`
	Recipient  string          `json:"recipient"`
	State      receipts.State  `json:"state"`
	Reason     receipts.Reason `json:"reason"`
	Attempts   int             `json:"attempts"`
	ID         uuid.UUID       `json:"id"`
	EventID    uuid.UUID       `json:"event_id"`
	MessageID  string          `json:"message_id,omitempty"`
	CreatedAt  time.Time       `json:"created_at"`
	SendAt     *time.Time      `json:"send_at,omitempty"`
	FinishedAt *time.Time      `json:"finished_at,omitempty"`
}

// demoFacts is everything that a run has left, gathered from sides that do not know of each other: the receipts, the mail
// server, the inboxes, and the other receivers.
type demoFacts struct {
	// Told are the names of the events that the story's actions cause, Events those of the occurrences that are stored.
	Told, Events []string
	// Receipts are in the order of their events, without roots that became one receipt per recipient.
	Receipts []demoReceipt
	// Mails are the Message-IDs that the server read in the mail to this run's people.
	Mails []string
	// Notifications are the ids of the rows in this run's inboxes.
	Notifications []uuid.UUID
	// Letters are those mails, as the server got them.
	Letters []smtpsink.Message
	// Arrived is what the receivers of the other transports got.
	Arrived []demoMessage
	// Devices are the browsers of people.
	Devices map[string][]string
}

// gather asks the other sides about what the receipts promise.
func (s *demoStage) gather(ctx context.Context, t *demoTale, found []receipts.Receipt) (*demoFacts, error) {
	f := &demoFacts{Told: t.events, Devices: s.receivers.devices}
	names := map[uuid.UUID]string{}
	people := map[string]bool{}
	for _, r := range found {
		if _, known := names[r.EventID]; !known {
			event, err := s.store.GetEvent(ctx, s.pool, r.EventID)
			if err != nil {
				return nil, err
			}
			names[r.EventID] = event.Name
			f.Events = append(f.Events, event.Name)
		}
		if r.State == receipts.Expanded {
			continue
		}
		people[r.Recipient] = true
		f.Receipts = append(f.Receipts, s.line(r, names[r.EventID]))
	}
	// By occurrence, because receipts of several recipients are made while others are under way already.
	slices.SortStableFunc(f.Receipts, func(a, b demoReceipt) int { return bytes.Compare(a.EventID[:], b.EventID[:]) })
	for _, m := range s.sink.Messages() {
		for _, to := range m.Session.To {
			if strings.HasSuffix(to, "@"+s.domain) {
				f.Mails, f.Letters = append(f.Mails, m.MessageID), append(f.Letters, m)
			}
		}
	}
	var err error
	if f.Arrived, err = s.arrived(ctx, found); err != nil {
		return nil, err
	}
	for person := range people {
		rows, err := inbox.List(ctx, s.pool, s.city, person, demoPage)
		if err != nil {
			return nil, err
		}
		for _, n := range rows {
			if names[n.EventID] != "" {
				f.Notifications = append(f.Notifications, n.ID)
			}
		}
	}
	return f, nil
}

func (s *demoStage) line(r receipts.Receipt, event string) demoReceipt {
	line := demoReceipt{
		Event: event, Channel: r.Channel, Transport: r.Transport, Recipient: cmp.Or(r.Recipient, r.Address),
		State: r.State, Reason: r.Reason, Attempts: r.Attempts, ID: r.ID, EventID: r.EventID,
		CreatedAt: r.CreatedAt.UTC(), SendAt: inUTC(r.SendAt), FinishedAt: inUTC(r.FinishedAt),
	}
	if r.Transport == transports.Email && r.State == receipts.Sent {
		// SMTP servers give mail no id of their own, so the Message-ID is what we have given it.
		line.MessageID = cmp.Or(strings.Trim(r.ProviderMessageID, "<>"), r.ID.String()+"@"+s.domain)
	}
	return line
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}
