package receipts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Claimed is a receipt that a batch holds, with the event it is about.
type Claimed struct {
	Receipt
	// Event is the occurrence.
	Event Event
	// WaitedFor is the reason for which it was waiting before; empty on the first claim.
	WaitedFor Reason
	// Tries counts the sends that were begun before.
	Tries int
	// RenewedAt is when an operator last reopened it; nil if nobody did.
	RenewedAt *time.Time
	// Unanswered means that an earlier try may have been accepted, and nobody has found out.
	Unanswered bool
	// Suspect means that it lost two workers in a row. It is alone in its batch.
	Suspect bool
	// Cursor is how far an earlier holder's expansion came.
	Cursor string
}

// Batch is a set of receipts under one lease.
type Batch struct {
	// Token is the lease, and the fence of every result.
	Token uuid.UUID
	// ClaimedAt is the database's time of the claim.
	ClaimedAt time.Time
	// Receipts are those that were claimed, most urgent first; perhaps none.
	Receipts []Claimed
}

// ClaimParams says what to claim.
type ClaimParams struct {
	// Lane is the queue from which to fill up.
	Lane string
	// Own are receipts whose job woke the caller; they are claimed if they are due and free.
	Own []uuid.UUID
	// More is how many others of the lane may be taken: through their waiting jobs, or in a bulk lane straight from the
	// receipts, in turn for each tenant.
	More int
	// FromTenant is the tenant with which a bulk lane's turn begins, in the order of their names.
	FromTenant string
	// Innocent leaves suspects to others, or to another time: whoever has one under way would lose both to one of them.
	Innocent bool
	// Lease is how long the batch is held without a renewal.
	Lease time.Duration
	// Worker names the holder.
	Worker string
}

type claimRow struct {
	ID             uuid.UUID
	EventID        uuid.UUID
	RootID         *uuid.UUID
	Channel        string
	Transport      string
	Audience       string
	Recipient      string
	RecipientData  json.RawMessage
	Address        string
	Tenant         string
	Priority       Priority
	State          State
	Attempts       int
	DueAt          time.Time
	SendAt         *time.Time
	ExpiresAt      *time.Time
	RenewedAt      *time.Time
	CreatedAt      time.Time
	WaitedFor      Reason
	Tries          int
	Cursor         string
	Unanswered     bool
	Suspect        bool
	Name           string
	ResourceType   string
	ResourceID     string
	Actor          string
	Data           json.RawMessage
	Trace          string
	At             *time.Time
	EventCreatedAt time.Time
	ClaimedAt      time.Time
}

// Claim leases the due receipts of own and up to more others of the lane, and deletes the jobs that stood for them. In a
// bulk lane own does not count: its jobs are permits, and whoever holds one claims until nothing comes and [Store.Owed] has
// nothing either.
// It never waits for a lock: what somebody else holds is left to them.
func (s *Store) Claim(ctx context.Context, db DB, p ClaimParams) (*Batch, error) {
	batch := &Batch{Token: uuid.New()}
	args := pgx.StrictNamedArgs{
		"lane": p.Lane, "more": p.More, "token": batch.Token,
		"lease": seconds(p.Lease), "worker": p.Worker, "innocent": p.Innocent, "now": s.now(),
	}
	sql := sqlClaim
	if transport, bulk := BulkLane(p.Lane); bulk {
		sql, args["transport"], args["from_tenant"] = sqlClaimBulk, transport, p.FromTenant
	} else {
		args["own"] = p.Own
	}
	rows, err := db.Query(ctx, sql, args)
	if err != nil {
		return nil, fmt.Errorf("claim in lane %s: %w", p.Lane, err)
	}
	claimed, err := pgx.CollectRows(rows, pgx.RowToStructByName[claimRow])
	if err != nil {
		return nil, fmt.Errorf("claim in lane %s: %w", p.Lane, err)
	}
	for _, row := range claimed {
		batch.ClaimedAt = row.ClaimedAt
		batch.Receipts = append(batch.Receipts, row.claimed())
	}
	return batch, nil
}

func (r claimRow) claimed() Claimed {
	return Claimed{
		Receipt: Receipt{
			ID: r.ID, EventID: r.EventID, RootID: r.RootID, Channel: r.Channel, Transport: r.Transport,
			Audience: r.Audience, Recipient: r.Recipient, RecipientData: r.RecipientData, Address: r.Address,
			Tenant: r.Tenant, Priority: r.Priority, State: r.State, Attempts: r.Attempts, DueAt: r.DueAt,
			SendAt: r.SendAt, ExpiresAt: r.ExpiresAt, CreatedAt: r.CreatedAt,
		},
		Event: Event{
			ID: r.EventID, Tenant: r.Tenant, Name: r.Name, ResourceType: r.ResourceType, ResourceID: r.ResourceID,
			Actor: r.Actor, Data: r.Data, Trace: r.Trace, At: r.At, CreatedAt: r.EventCreatedAt,
		},
		WaitedFor:  r.WaitedFor,
		Tries:      r.Tries,
		Cursor:     r.Cursor,
		RenewedAt:  r.RenewedAt,
		Unanswered: r.Unanswered,
		Suspect:    r.Suspect,
	}
}

// Stranded reports whether the receipt of a fired job is still waiting for that very job: the claim passed it over
// because its row was locked for a moment or its time had not come. The caller must then look again, or the wake-up
// is lost.
func (s *Store) Stranded(ctx context.Context, db DB, id uuid.UUID, jobID int64) (bool, error) {
	var state State
	var job int64
	var finished bool
	err := db.QueryRow(ctx, sqlOwn, pgx.StrictNamedArgs{"id": id}).Scan(&state, &job, &finished)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look after receipt %s: %w", id, err)
	}
	return !finished && !state.Leased() && job == jobID, nil
}

// Owed names a tenant of whom something is due in a bulk lane and not leased: it was locked for a moment, or not in turn.
// The permit must then fire again.
func (s *Store) Owed(ctx context.Context, db DB, lane string) (tenant string, owed bool, err error) {
	transport, _ := BulkLane(lane)
	err = db.QueryRow(ctx, sqlOwedBulk, pgx.StrictNamedArgs{"transport": transport, "now": s.now()}).Scan(&tenant)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look after lane %s: %w", lane, err)
	}
	return tenant, true, nil
}

// Bodies returns the stored contents of receipts that were rendered before.
func (s *Store) Bodies(ctx context.Context, db DB, ids []uuid.UUID) (map[uuid.UUID]Body, error) {
	rows, err := db.Query(ctx, sqlBodies, pgx.StrictNamedArgs{"ids": ids})
	if err != nil {
		return nil, fmt.Errorf("read contents: %w", err)
	}
	bodies := make(map[uuid.UUID]Body)
	var id uuid.UUID
	var raw json.RawMessage
	var renderedAt time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &raw, &renderedAt}, func() error {
		body := Body{RenderedAt: renderedAt.UTC()}
		if err := json.Unmarshal(raw, &body); err != nil {
			return fmt.Errorf("decode content of receipt %s: %w", id, err)
		}
		bodies[id] = body
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read contents: %w", err)
	}
	return bodies, nil
}
