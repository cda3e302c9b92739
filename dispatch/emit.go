package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Limits of an emit, checked before the first statement.
const (
	// MaxData is the largest encoded payload, in bytes.
	MaxData = 256 << 10
	// MaxName is the longest tenant, actor, idempotency key, resource id or trace, in bytes.
	MaxName = 255
)

// EmitOpts are the options of one emit. A nil *EmitOpts means none.
type EmitOpts struct {
	// Tenant separates customers of a multi-tenant application. Defaults to "".
	Tenant string
	// Actor is who did it.
	Actor string
	// IdempotencyKey makes a repeated emit return the first event. Unique per tenant.
	IdempotencyKey string
	// At postpones everything, the finding of recipients included. Defaults to now; a past time means now.
	At time.Time
	// ResourceType and ResourceID name what the event is about. Default to the resource's Name and KeyFunc.
	ResourceType string
	ResourceID   string
	// Priority overrides the event's own for this occurrence.
	Priority Priority
	// Trace is a W3C traceparent, stored with the event.
	Trace string
	// Savepoint runs the emit under a savepoint, so that a failing one leaves the caller's transaction usable. It
	// costs two round trips more.
	Savepoint bool
}

// Emitted is the outcome of an emit.
type Emitted struct {
	// Event is the event's full name.
	Event string
	// EventID is the event; with Duplicate, the first one of that idempotency key.
	EventID uuid.UUID
	// Duplicate means that nothing was written, because the same event was emitted before.
	Duplicate bool
}

// call is one checked emit: a statement that answers with the event's id, duplicate and conflict.
type call struct {
	event string
	sql   string
	args  []any
}

// execFunc runs one statement of an emit.
type execFunc func(ctx context.Context, sql string) error

// rowFunc runs the emit statement and scans its row.
type rowFunc func(ctx context.Context, sql string, args []any, into ...any) error

// prepare checks everything that can be checked without the database.
func (d *Dispatcher) prepare(event string, payload any, opts *EmitOpts) (*call, error) {
	declared, known := d.registry.Event(event)
	if !known {
		return nil, fmt.Errorf("emit %s: %w", event, ErrUnknownEvent)
	}
	c, err := newCall(sqlEmit, event, payload, opts)
	if err != nil {
		return nil, err
	}
	c.args = append(c.args, declared.Wire)
	return c, nil
}

func newCall(sql, event string, payload any, opts *EmitOpts) (*call, error) {
	data, err := encode(payload)
	if err != nil {
		return nil, err
	}
	options, err := opts.encode()
	if err != nil {
		return nil, err
	}
	return &call{event: event, sql: sql, args: []any{event, data, options}}, nil
}

func (c *call) run(ctx context.Context, row rowFunc, exec execFunc, savepoint bool) (Emitted, error) {
	if savepoint {
		if err := exec(ctx, sqlSavepoint); err != nil {
			return Emitted{}, fmt.Errorf("emit %s: %w", c.event, err)
		}
	}
	emitted, err := c.query(ctx, row)
	var conflict *ConflictError
	if savepoint && (err == nil || errors.As(err, &conflict)) {
		if err := exec(ctx, sqlReleaseSavepoint); err != nil {
			return Emitted{}, fmt.Errorf("emit %s: %w", c.event, err)
		}
	} else if savepoint {
		err = errors.Join(err, exec(context.WithoutCancel(ctx), sqlRollbackSavepoint))
	}
	return emitted, err
}

func (c *call) query(ctx context.Context, row rowFunc) (Emitted, error) {
	emitted := Emitted{Event: c.event}
	var id string
	var conflict bool
	if err := row(ctx, c.sql, c.args, &id, &emitted.Duplicate, &conflict); err != nil {
		return Emitted{}, fmt.Errorf("emit %s: %w", c.event, err)
	}
	parsed, err := uuid.Parse(id)
	if err != nil {
		return Emitted{}, fmt.Errorf("emit %s: read the event's id: %w", c.event, err)
	}
	emitted.EventID = parsed
	if conflict {
		return Emitted{}, &ConflictError{EventID: parsed}
	}
	return emitted, nil
}

func encode(payload any) (string, error) {
	raw, err := json.Marshal(payload)
	if err != nil {
		return "", &InvalidError{Field: "payload", Problem: fmt.Sprintf("does not encode as JSON (a %T)", payload)}
	}
	switch {
	case len(raw) > MaxData:
		return "", &InvalidError{Field: "payload", Problem: fmt.Sprintf("has %d bytes (at most %d: emit a reference and look the rest up in EnrichFunc)", len(raw), MaxData)}
	case len(raw) == 0 || raw[0] != '{':
		return "", &InvalidError{Field: "payload", Problem: "is not a JSON object"}
	case hasNUL(raw):
		return "", &InvalidError{Field: "payload", Problem: `has a NUL character, which Postgres cannot store`}
	}
	return string(raw), nil
}

// hasNUL looks for \u0000 that is not an escaped backslash followed by u0000.
func hasNUL(raw []byte) bool {
	for at := 0; ; {
		i := bytes.Index(raw[at:], []byte(`\u0000`))
		if i < 0 {
			return false
		}
		at += i
		backslashes := 1
		for j := at - 1; j >= 0 && raw[j] == '\\'; j-- {
			backslashes++
		}
		if backslashes%2 == 1 {
			return true
		}
		at += len(`\u0000`)
	}
}

func (o *EmitOpts) encode() (string, error) {
	if o == nil {
		return "{}", nil
	}
	options := map[string]string{}
	for _, f := range []struct{ name, value string }{
		{"tenant", o.Tenant},
		{"actor", o.Actor},
		{"idempotency_key", o.IdempotencyKey},
		{"resource_type", o.ResourceType},
		{"resource_id", o.ResourceID},
		{"trace", o.Trace},
	} {
		switch {
		case len(f.value) > MaxName:
			return "", &InvalidError{Field: f.name, Problem: fmt.Sprintf("has %d bytes (at most %d)", len(f.value), MaxName)}
		case !utf8.ValidString(f.value) || strings.ContainsRune(f.value, 0):
			return "", &InvalidError{Field: f.name, Problem: "is not UTF-8 text without NUL"}
		case f.value != "":
			options[f.name] = f.value
		}
	}
	if !o.At.IsZero() {
		if year := o.At.UTC().Year(); year < 1 || year > 9999 {
			return "", &InvalidError{Field: "at", Problem: "is outside the years 1 to 9999"}
		}
		options["at"] = o.At.UTC().Format(time.RFC3339Nano)
	}
	switch o.Priority {
	case 0:
	case Critical, Default, Bulk:
		options["priority"] = o.Priority.String()
	default:
		return "", &InvalidError{Field: "priority", Problem: "is unknown (one of critical, default, bulk)"}
	}
	raw, err := json.Marshal(options)
	if err != nil {
		return "", fmt.Errorf("encode emit options: %w", err)
	}
	return string(raw), nil
}
