package receipts

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

// RuleRun is one run of all rules over a receipt.
type RuleRun struct {
	// DecidedAt is when; of an implied run, when the message was rendered right after it. Nil if nobody noted it.
	DecidedAt *time.Time `json:"decided_at,omitempty"`
	// Implied means that the run is not stored, because no rule had anything to say, and is known by what followed.
	Implied bool `json:"implied,omitempty"`
	// Verdicts are in the order of the rules. The first that does not pass decided.
	Verdicts []Verdict `json:"verdicts"`
}

// Account is everything that is known about one receipt, but what it said.
type Account struct {
	Receipt Receipt `json:"receipt"`
	// Decisions are the runs of the rules, first one first. Empty while the rules have not been asked.
	Decisions []RuleRun `json:"decisions"`
	// Attempts are the tries, first one first.
	Attempts []Attempt `json:"attempts"`
	// RenderedAt is when the content was frozen; nil if none is stored.
	RenderedAt *time.Time `json:"rendered_at,omitempty"`
	// Files go with the message: their names, types, sizes and hashes.
	Files []transports.File `json:"files,omitempty"`
}

// Explanation tells what an event meant to one recipient: what they got, what they did not get, and every reason. Its
// JSON is what `carillon why --json` prints.
type Explanation struct {
	Event Event `json:"event"`
	// Recipient is who was asked about.
	Recipient string `json:"recipient"`
	// Receipts are those that name the recipient, in order of creation. Empty if none does.
	Receipts []Account `json:"receipts"`
	// Unresolved are channels whose recipients are still to be found: it may yet turn out to be for this one.
	Unresolved []Receipt `json:"unresolved"`
	// Ended are channels that ended, for their reason, before any recipient was found.
	Ended []Receipt `json:"ended"`
}

// WhyParams says what to explain.
type WhyParams struct {
	EventID uuid.UUID
	// Recipient is a person's id, or a fixed address.
	Recipient string
	// Tenant, if it is not nil, must be the event's own.
	Tenant *string
	// Rules are the names of all rules in their order, for runs of which nothing was stored.
	Rules []string
}

// Why explains what became of an event for one recipient. A recipient of whom no receipt knows is no error. It
// returns [ErrNotFound] for an event that does not exist or belongs to another tenant. Run it in a transaction of
// isolation repeatable read if receipts may move meanwhile.
func (s *Store) Why(ctx context.Context, db DB, p WhyParams) (*Explanation, error) {
	event, err := s.GetEvent(ctx, db, p.EventID)
	if err != nil {
		return nil, err
	}
	if p.Tenant != nil && *p.Tenant != event.Tenant {
		return nil, fmt.Errorf("event %s of tenant %q: %w", p.EventID, *p.Tenant, ErrNotFound)
	}
	rows, err := db.Query(ctx, sqlOfRecipient, pgx.StrictNamedArgs{"event_id": p.EventID, "recipient": p.Recipient})
	found, err := collectReceipts(rows, err, "list receipts of event "+p.EventID.String()+" for one recipient")
	if err != nil {
		return nil, err
	}
	e := &Explanation{
		Event: *event, Recipient: p.Recipient, Receipts: []Account{}, Unresolved: []Receipt{}, Ended: []Receipt{},
	}
	for _, r := range found {
		switch {
		case r.Bound():
			account, err := s.account(ctx, db, r, p.Rules)
			if err != nil {
				return nil, err
			}
			e.Receipts = append(e.Receipts, *account)
		case r.State.Terminal():
			e.Ended = append(e.Ended, r)
		default:
			e.Unresolved = append(e.Unresolved, r)
		}
	}
	return e, nil
}

// Account tells everything about one receipt. rules are the names of all rules in their order. It returns
// [ErrNotFound] for a receipt that does not exist.
func (s *Store) Account(ctx context.Context, db DB, id uuid.UUID, rules []string) (*Account, error) {
	r, err := s.Get(ctx, db, id)
	if err != nil {
		return nil, err
	}
	return s.account(ctx, db, *r, rules)
}

// Body returns what a receipt says, as it is sent on every try; nil if nothing is stored.
func (s *Store) Body(ctx context.Context, db DB, id uuid.UUID) (*Body, error) {
	bodies, err := s.Bodies(ctx, db, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	body, stored := bodies[id]
	if !stored {
		return nil, nil
	}
	return &body, nil
}

func (s *Store) account(ctx context.Context, db DB, r Receipt, rules []string) (*Account, error) {
	stored, err := s.Decisions(ctx, db, r.ID)
	if err != nil {
		return nil, err
	}
	attempts, err := s.Attempts(ctx, db, r.ID)
	if err != nil {
		return nil, err
	}
	body, err := s.Body(ctx, db, r.ID)
	if err != nil {
		return nil, err
	}
	a := &Account{Receipt: r, Decisions: make([]RuleRun, 0, len(stored)+1), Attempts: attempts}
	if a.Attempts == nil {
		a.Attempts = []Attempt{}
	}
	if body != nil {
		a.RenderedAt, a.Files = &body.RenderedAt, body.Files
	}
	for _, d := range stored {
		a.Decisions = append(a.Decisions, RuleRun{DecidedAt: &d.DecidedAt, Verdicts: d.Verdicts})
	}
	if a.passedSilently() {
		a.Decisions = append(a.Decisions, a.impliedRun(rules))
	}
	return a, nil
}

// passedSilently reports whether the rules let the receipt pass in a run that was not stored. What followed such a run
// tells: a message that was rendered, or a delay that the pipeline began only after asking. A child's delay begins
// before.
func (a *Account) passedSilently() bool {
	r := a.Receipt
	sent := r.State == Sending || r.State == Sent || r.State == Uncertain
	if n := len(a.Decisions); n > 0 {
		// A refused receipt that was sent all the same was reopened and asked about again.
		return sent && !a.Decisions[n-1].passed()
	}
	delayed := r.State == Waiting && r.Reason == Delayed && r.RootID == nil
	return sent || delayed || a.RenderedAt != nil || r.Reason == RenderFailed
}

func (a *Account) impliedRun(rules []string) RuleRun {
	run := RuleRun{DecidedAt: a.RenderedAt, Implied: true, Verdicts: make([]Verdict, len(rules))}
	for i, rule := range rules {
		run.Verdicts[i] = Verdict{Rule: rule, Verdict: "pass"}
	}
	return run
}

// passed reports whether no rule refused.
func (run RuleRun) passed() bool {
	for _, v := range run.Verdicts {
		if v.Verdict != "pass" {
			return false
		}
	}
	return true
}
