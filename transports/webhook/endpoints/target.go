package endpoints

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// Target is what a send needs of an endpoint.
type Target struct {
	ID     uuid.UUID
	Tenant string
	URL    string
	Format Format
	State  State
	Reason Reason
	// FailingSince is when it began to do nothing but fail; nil if its last send went well.
	FailingSince *time.Time
	// Keys are those that are valid, newest first.
	Keys []signature.Key
	// Err is why the keys cannot be used; nil if they can.
	Err error
}

// Targets reads endpoints for sending, by id. Those that do not exist are left out.
func (s *Store) Targets(ctx context.Context, db querier, now time.Time, ids []uuid.UUID) (map[uuid.UUID]*Target, error) {
	rows, err := db.Query(ctx, sqlTargets, pgx.StrictNamedArgs{"ids": ids, "now": now})
	if err != nil {
		return nil, fmt.Errorf("read endpoints: %w", err)
	}
	found := make(map[uuid.UUID]*Target, len(ids))
	var t Target
	var keyIDs []uuid.UUID
	var secrets [][]byte
	var sealedBy []string
	_, err = pgx.ForEachRow(rows, []any{
		&t.ID, &t.Tenant, &t.URL, &t.Format, &t.State, &t.Reason, &t.FailingSince, &keyIDs, &secrets, &sealedBy,
	}, func() error {
		one := t
		one.Keys = make([]signature.Key, 0, len(keyIDs))
		for i, id := range keyIDs {
			key, err := s.key(&one, id, secrets[i], sealedBy[i])
			if err != nil {
				one.Err = err
				continue
			}
			one.Keys = append(one.Keys, key)
		}
		found[one.ID] = &one
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read endpoints: %w", err)
	}
	return found, nil
}

func (s *Store) key(t *Target, id uuid.UUID, stored []byte, by string) (signature.Key, error) {
	secret, err := s.sealer.open(t.Tenant, t.ID, id, stored, by)
	if err != nil {
		return signature.Key{}, err
	}
	return signature.ParseKey(secret.Reveal())
}

// The events of which an application can make channels, to tell the tenant.
const (
	EventFailing  = "carillon.endpoint_failing"
	EventDisabled = "carillon.endpoint_disabled"
)

// Outcomes are the endpoints of a batch of sends, by what became of them. An endpoint with a success did not fail.
type Outcomes struct {
	Succeeded, Failed, Gone []uuid.UUID
}

// Record notes what became of sends, and returns what people should be told of: endpoints that did nothing but fail for
// [WarnAfter], and those that were disabled.
func (s *Store) Record(ctx context.Context, db querier, now time.Time, o Outcomes) ([]transports.Notice, error) {
	var notices []transports.Notice
	for _, step := range []struct {
		sql    string
		ids    []uuid.UUID
		args   pgx.StrictNamedArgs
		reason Reason
	}{
		{sqlSucceed, o.Succeeded, pgx.StrictNamedArgs{}, ""},
		{sqlGone, o.Gone, pgx.StrictNamedArgs{"now": now}, Gone},
		{sqlFail, o.Failed, pgx.StrictNamedArgs{
			"now": now, "warn_after": WarnAfter.Seconds(), "disable_after": DisableAfter.Seconds(),
		}, Failing},
	} {
		if len(step.ids) == 0 {
			continue
		}
		step.args["ids"] = step.ids
		rows, err := db.Query(ctx, step.sql, step.args)
		if err != nil {
			return nil, fmt.Errorf("record outcomes of endpoints: %w", err)
		}
		if step.reason == "" {
			rows.Close()
			if err := rows.Err(); err != nil {
				return nil, fmt.Errorf("record outcomes of endpoints: %w", err)
			}
			continue
		}
		news, err := pgx.CollectRows(rows, pgx.RowToStructByName[news])
		if err != nil {
			return nil, fmt.Errorf("record outcomes of endpoints: %w", err)
		}
		for _, n := range news {
			notices = append(notices, n.notice(now, step.reason))
		}
	}
	return notices, nil
}

// news is an endpoint of which people should hear.
type news struct {
	ID           uuid.UUID
	Tenant       string
	URL          string
	FailingSince *time.Time
	Disabled     bool
}

func (n news) notice(now time.Time, reason Reason) transports.Notice {
	data := map[string]any{
		"endpoint_id": prefix + n.ID.String(),
		// The path may hold a secret of the receiver's.
		"url":    egress.Scrub(n.URL),
		"reason": string(reason),
	}
	since := now
	if n.FailingSince != nil {
		since = *n.FailingSince
		data["failing_since"] = since.UTC().Format(time.RFC3339)
	}
	event := EventFailing
	if n.Disabled {
		event = EventDisabled
	} else {
		data["disabled_at"] = since.Add(DisableAfter).UTC().Format(time.RFC3339)
	}
	// Strings always encode.
	encoded, _ := json.Marshal(data)
	return transports.Notice{
		Event: event, Tenant: n.Tenant, Subject: prefix + n.ID.String(), Data: encoded,
		Key: fmt.Sprintf("%s/%s/%d", event, n.ID, since.Unix()),
	}
}
