package receipts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/failpoint"
)

// Result is where a leased receipt goes next.
type Result struct {
	ID uuid.UUID
	// State is waiting or a terminal state.
	State State
	// Reason is one of [Reasons] of that state.
	Reason Reason
	// Wait is how long a waiting receipt waits. A delayed one waits for its own time instead.
	Wait time.Duration
	// Answered says that the provider was asked, and has none of the earlier tries. An attempt with an unknown outcome
	// opens the question again.
	Answered bool
	// CostsAttempt counts this try against the retry budget.
	CostsAttempt bool
	// Recipient and Address are bound if they are not empty.
	Recipient, Address string
	// RecipientData is bound if it is not nil.
	RecipientData json.RawMessage
	// Provider and ProviderMessageID come from the provider's acceptance.
	Provider, ProviderMessageID string
	// Attempt is written if it is not nil. Its N is set by the database.
	Attempt *Attempt
	// Verdicts are written if there are any.
	Verdicts []Verdict
}

// ErrLeaseLost is returned by [Store.Hold] when the lease of a batch is gone.
var ErrLeaseLost = errors.New("the lease is lost (another worker has reclaimed the batch)")

// Record ends the batch's hold on the receipts of results. Results of receipts that were taken away have no effect;
// the ids of those that took effect are returned. With last, the lease ends too, unless the batch still holds receipts
// that got no result: they are then reclaimed when it expires.
//
// A state, reason or outcome that a holder may not set is a mistake in the caller and an error before the first
// statement. Characters that Postgres cannot store are replaced, because a provider's answer may have them.
func (s *Store) Record(ctx context.Context, db DB, token uuid.UUID, results []Result, last bool) ([]uuid.UUID, error) {
	args, err := recordArgs(results)
	if err != nil {
		return nil, err
	}
	args["token"], args["last"], args["now"] = token, last, s.now()
	rows, err := db.Query(ctx, sqlRecord, args)
	if err != nil {
		return nil, fmt.Errorf("record %d results: %w", len(results), err)
	}
	failpoint.Pass(failpoint.S6)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("record %d results: %w", len(results), err)
	}
	return ids, nil
}

// Hold locks the lease and those of ids that the batch is sending, so that nobody can reclaim them before tx ends. It
// returns the ids that are still the batch's, or [ErrLeaseLost].
func (s *Store) Hold(ctx context.Context, tx pgx.Tx, token uuid.UUID, ids []uuid.UUID) ([]uuid.UUID, error) {
	var leased []uuid.UUID
	err := tx.QueryRow(ctx, sqlLockLease, pgx.StrictNamedArgs{"token": token}).Scan(&leased)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrLeaseLost
	}
	if err != nil {
		return nil, fmt.Errorf("lock lease: %w", err)
	}
	rows, err := tx.Query(ctx, sqlHeld, pgx.StrictNamedArgs{"ids": ids, "token": token})
	if err != nil {
		return nil, fmt.Errorf("lock receipts: %w", err)
	}
	held, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("lock receipts: %w", err)
	}
	return held, nil
}

func recordArgs(results []Result) (pgx.StrictNamedArgs, error) {
	n := len(results)
	ids := make([]uuid.UUID, n)
	waits := make([]float64, n)
	costs, answered := make([]bool, n), make([]bool, n)
	verdicts, data := make([]*string, n), make([]*string, n)
	started, finished := make([]*time.Time, n), make([]*time.Time, n)
	text := map[string][]string{}
	for _, name := range []string{
		"states", "reasons", "recipients", "addresses", "providers", "message_ids",
		"outcomes", "classes", "codes", "details",
	} {
		text[name] = make([]string, n)
	}
	for i, r := range results {
		from := Resolving
		if r.State == Sent {
			from = Sending
		}
		if !Allowed(from, r.State, ByRecord) || !validReason(r.State, r.Reason) {
			return nil, fmt.Errorf("record receipt %s: a holder may not set %s(%s)", r.ID, r.State, r.Reason)
		}
		ids[i], waits[i], costs[i], answered[i] = r.ID, seconds(r.Wait), r.CostsAttempt, r.Answered
		text["states"][i], text["reasons"][i] = string(r.State), string(r.Reason)
		text["recipients"][i], text["addresses"][i] = storable(r.Recipient), storable(r.Address)
		text["providers"][i], text["message_ids"][i] = storable(r.Provider), storable(r.ProviderMessageID)
		if r.RecipientData != nil {
			known := storableJSON(r.RecipientData)
			data[i] = &known
		}
		if a := r.Attempt; a != nil {
			if !slices.Contains([]Outcome{AttemptAccepted, AttemptRefused, AttemptUnknown}, a.Outcome) {
				return nil, fmt.Errorf("record receipt %s: the outcome %q of an attempt is unknown", r.ID, a.Outcome)
			}
			text["outcomes"][i], text["classes"][i] = string(a.Outcome), string(a.Class)
			text["codes"][i], text["details"][i] = storable(a.Code), storable(a.Detail)
			started[i], finished[i] = &a.StartedAt, &a.FinishedAt
		}
		if len(r.Verdicts) > 0 {
			raw, err := json.Marshal(r.Verdicts)
			if err != nil {
				return nil, fmt.Errorf("encode verdicts of receipt %s: %w", r.ID, err)
			}
			encoded := storableJSON(raw)
			verdicts[i] = &encoded
		}
	}
	args := pgx.StrictNamedArgs{
		"ids": ids, "waits": waits, "costs": costs, "answered": answered, "data": data, "verdicts": verdicts, "started": started, "finished": finished,
	}
	for name, values := range text {
		args[name] = values
	}
	return args, nil
}
