package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

// CodeThread is the code of a wait for the first message of a thread.
const CodeThread = "thread"

// The wait for the first message of a thread, while it is on its way.
const (
	shortestWait = time.Second
	longestWait  = time.Minute
)

// topic is what a thread is about, and where.
type topic struct{ tenant, address, kind, id string }

func topicOf(m transports.Message) topic {
	return topic{m.Tenant, m.Recipient.Address, m.ResourceType, m.ResourceID}
}

// thread is what is known of one.
type thread struct {
	Tenant       string
	Address      string
	ResourceType string
	ResourceID   string
	ReceiptID    uuid.UUID
	MessageID    string
	Finished     bool
	DueAt        time.Time
}

// Threads finds the thread that each message belongs to: [transports.Target.Value] is the id of the message to reply to,
// or "" for the message that begins it. All others wait until that one is sent; if it never is, another begins the
// thread. The first message's id is its receipt's, so nothing is lost with a worker that dies.
//
// Only messages for which wanted is true are looked at; targets that have something to say already stay as they are.
func Threads(
	ctx context.Context, db transports.Querier, transport string, now time.Time, ms []transports.Message,
	targets []transports.Target, wanted func(m transports.Message) bool,
) error {
	first := map[topic]uuid.UUID{}
	var asked []int
	for i, m := range ms {
		if targets[i].Off != "" || targets[i].Err != nil || m.ResourceID == "" || !wanted(m) {
			continue
		}
		asked = append(asked, i)
		// Of several at once the earliest begins; ids are in the order of time.
		if id, known := first[topicOf(m)]; !known || m.ReceiptID.String() < id.String() {
			first[topicOf(m)] = m.ReceiptID
		}
	}
	if len(asked) == 0 {
		return nil
	}
	found, err := findThreads(ctx, db, transport, first)
	if err != nil {
		return err
	}
	begin := map[topic]uuid.UUID{}
	for about, id := range first {
		if t, known := found[about]; !known || t.Finished && t.MessageID == "" {
			begin[about] = id
		}
	}
	if len(begin) > 0 {
		if err := beginThreads(ctx, db, transport, begin); err != nil {
			return err
		}
		if found, err = findThreads(ctx, db, transport, first); err != nil {
			return err
		}
	}
	for _, i := range asked {
		targets[i] = found[topicOf(ms[i])].target(ms[i].ReceiptID, now)
	}
	return nil
}

func (t thread) target(receipt uuid.UUID, now time.Time) transports.Target {
	switch {
	case t.ReceiptID == receipt:
		return transports.Target{Value: ""}
	case t.MessageID != "":
		return transports.Target{Value: t.MessageID}
	}
	wait := min(max(t.DueAt.Sub(now), shortestWait), longestWait)
	return transports.Target{Err: &transports.Error{
		Class: transports.Rate, Code: CodeThread, Detail: "waits for the first message of its thread", RetryAfter: wait,
	}}
}

func findThreads(ctx context.Context, db transports.Querier, transport string, about map[topic]uuid.UUID) (map[topic]thread, error) {
	args, _ := threadArgs(transport, about)
	rows, err := db.Query(ctx, sqlFindThreads, args)
	if err != nil {
		return nil, fmt.Errorf("find threads: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[thread])
	if err != nil {
		return nil, fmt.Errorf("find threads: %w", err)
	}
	found := make(map[topic]thread, len(all))
	for _, t := range all {
		found[topic{t.Tenant, t.Address, t.ResourceType, t.ResourceID}] = t
	}
	return found, nil
}

func beginThreads(ctx context.Context, db transports.Querier, transport string, about map[topic]uuid.UUID) error {
	args, receipts := threadArgs(transport, about)
	args["receipts"] = receipts
	rows, err := db.Query(ctx, sqlBeginThreads, args)
	if err != nil {
		return fmt.Errorf("begin %d threads: %w", len(about), err)
	}
	if _, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
		return fmt.Errorf("begin %d threads: %w", len(about), err)
	}
	return nil
}

func threadArgs(transport string, about map[topic]uuid.UUID) (args pgx.StrictNamedArgs, receipts []uuid.UUID) {
	var tenants, addresses, types, ids []string
	for t, receipt := range about {
		tenants, addresses = append(tenants, t.tenant), append(addresses, t.address)
		types, ids = append(types, t.kind), append(ids, t.id)
		receipts = append(receipts, receipt)
	}
	return pgx.StrictNamedArgs{
		"transport": transport, "tenants": tenants, "addresses": addresses, "types": types, "ids": ids,
	}, receipts
}
