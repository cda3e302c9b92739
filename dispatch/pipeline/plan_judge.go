package pipeline

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/receipts"
)

// Membership says whether somebody is in the audience of a channel now. An audience may have changed since the event.
type Membership struct {
	Channel   string `json:"channel"`
	Transport string `json:"transport"`
	Audience  string `json:"audience"`
	// Member is nil if the audience could not be found; Detail then says why.
	Member *bool  `json:"member"`
	Detail string `json:"detail"`
}

// Judge finds the audience of every channel of an event anew, as the resolve stage does, and says whether recipient, a
// person's id or a fixed address, is in it. It writes nothing, and a read-only transaction will do as db.
//
// It returns [dispatch.ErrUnknownEvent] for an event that is not declared.
func (p *Planner) Judge(ctx context.Context, db receipts.DB, event receipts.Event, recipient string) ([]Membership, error) {
	declared, known := p.dispatcher.Registry().Event(event.Name)
	if !known {
		return nil, fmt.Errorf("judge the audiences of %s: %w", event.Name, dispatch.ErrUnknownEvent)
	}
	pipeline, err := p.pipeline(receipts.New(nil))
	if err != nil {
		return nil, err
	}
	memberships := make([]Membership, len(declared.Channels))
	err = rolledBack(ctx, db, func(tx pgx.Tx) error {
		r := &run{Pipeline: pipeline, db: forgivingDB{tx}}
		for i, c := range declared.Channels {
			it := &item{event: declared, channel: c, Claimed: receipts.Claimed{Event: event, Receipt: receipts.Receipt{
				EventID: event.ID, Channel: c.Name, Transport: c.Transport, Audience: c.Audience, Tenant: event.Tenant,
			}}}
			found, err := r.findRecipients(ctx, it)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			memberships[i] = membershipOf(it, recipient, found, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("judge the audiences of %s: %w", event.Name, err)
	}
	return memberships, nil
}

func membershipOf(it *item, recipient string, found []child, err error) Membership {
	m := Membership{Channel: it.channel.Name, Transport: it.Transport, Audience: it.Audience}
	if err != nil {
		m.Detail = truncate("the audience could not be found: "+err.Error(), maxDetail)
		return m
	}
	member := false
	for _, c := range found {
		member = member || c.recipient.ID == recipient || c.recipient.ID == "" && c.recipient.Address == recipient
	}
	m.Member = &member
	switch {
	case member:
		m.Detail = "is in the audience now"
	case len(found) == 0:
		m.Detail = "the audience is nobody now"
	case len(found) == 1:
		m.Detail = "is not the one whom the audience names now"
	default:
		m.Detail = fmt.Sprintf("is not among the %d whom the audience names now", len(found))
	}
	return m
}
