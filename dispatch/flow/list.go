package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Breaker is one that is not closed.
type Breaker struct {
	Host
	// State is open, or half_open once its time is up: then the next receipt probes, or one is about to.
	State string `json:"state"`
	// Probing says that a worker has the probe in hand.
	Probing bool `json:"probing,omitempty"`
	// Level counts how often it opened in a row.
	Level    int       `json:"level"`
	OpenedAt time.Time `json:"opened_at"`
	// Until is when the next probe may go.
	Until time.Time `json:"until"`
	// Class, Code and Detail are those of the failure that opened it last.
	Class  string `json:"class"`
	Code   string `json:"code,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// The states of a [Breaker]. One that is closed is not stored.
const (
	Open     = "open"
	HalfOpen = "half_open"
)

// Budget is one that was asked of, or held by a provider.
type Budget struct {
	Key
	// PerSecond is the rate; 0 if none is declared. Burst is what may be taken at once.
	PerSecond float64 `json:"per_second"`
	Burst     int     `json:"burst"`
	// Taken counts tokens, Waits how often a receipt was told to wait.
	Taken int64 `json:"taken"`
	Waits int64 `json:"waits"`
	// HeldUntil is the end of what a provider asked for, QueueUntil the turn of the last receipt that waits; nil if none.
	HeldUntil  *time.Time `json:"held_until,omitempty"`
	QueueUntil *time.Time `json:"queue_until,omitempty"`
}

// Breakers lists the breakers of a transport, or with "" all, that are not closed.
func Breakers(ctx context.Context, db DB, transport string) ([]Breaker, error) {
	rows, err := db.Query(ctx, sqlListBreakers, pgx.StrictNamedArgs{"transport": transport, "now": nil})
	if err != nil {
		return nil, fmt.Errorf("list breakers: %w", err)
	}
	list := []Breaker{}
	var b Breaker
	var shut bool
	_, err = pgx.ForEachRow(rows, []any{
		&b.Transport, &b.Account, &b.Host.Host, &b.Level, &b.OpenedAt, &b.Until, &b.Class, &b.Code, &b.Detail, &b.Probing, &shut,
	}, func() error {
		b.State = HalfOpen
		if shut {
			b.State = Open
		}
		list = append(list, b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list breakers: %w", err)
	}
	return list, nil
}

// Budgets lists the budgets of a transport, or with "" all.
func Budgets(ctx context.Context, db DB, transport string) ([]Budget, error) {
	rows, err := db.Query(ctx, sqlListBudgets, pgx.StrictNamedArgs{"transport": transport, "now": nil})
	if err != nil {
		return nil, fmt.Errorf("list budgets: %w", err)
	}
	list := []Budget{}
	var b Budget
	var period float64
	_, err = pgx.ForEachRow(rows, []any{
		&b.Transport, &b.Account, &b.Key.Key, &period, &b.Burst, &b.Taken, &b.Waits, &b.HeldUntil, &b.QueueUntil,
	}, func() error {
		b.PerSecond = 0
		if period > 0 {
			b.PerSecond = 1 / period
		}
		list = append(list, b)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list budgets: %w", err)
	}
	return list, nil
}

// ErrReset is returned by [Reset] without a transport, an operator or a reason.
var ErrReset = errors.New("a reset needs a transport, an operator and a reason")

// ResetParams says what to reset.
type ResetParams struct {
	// Transport is required. Account and Host narrow it down; Host is the host of breakers and the key of budgets.
	Transport, Account, Host string
	// Operator is who, Reason why. Both are required, and stored.
	Operator, Reason string
}

// Reset closes breakers and ends holds, and writes down who did it and why. Receipts that wait for them keep their due
// times. It returns the operation's id, and how many breakers and budgets it changed.
func Reset(ctx context.Context, db DB, p ResetParams) (id uuid.UUID, changed int, err error) {
	if p.Transport == "" || p.Operator == "" || p.Reason == "" {
		return id, 0, ErrReset
	}
	// A map of strings always encodes.
	filter, _ := json.Marshal(map[string]string{"transport": p.Transport, "account": p.Account, "host": p.Host})
	err = db.QueryRow(ctx, sqlResetBreakers, pgx.StrictNamedArgs{
		"transport": p.Transport, "account": p.Account, "host": p.Host,
		"operator": storable(p.Operator), "reason": storable(p.Reason), "filter": string(filter), "now": nil,
	}).Scan(&id, &changed)
	if err != nil {
		return id, 0, fmt.Errorf("reset breakers of %s: %w", p.Transport, err)
	}
	return id, changed, nil
}

// storable replaces what Postgres cannot store as text.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}
