package dispatch

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/failpoint"
)

// Limits of an emit, checked before the first statement.
const (
	// MaxData is the largest payload, in bytes as Postgres writes it: a blank after each comma and colon, and numbers
	// without an exponent.
	MaxData = 256 << 10
	// lastYear is that of the last time at which an event may be. A delay and an expiry, of 366 days each, are added to it,
	// and no time past the year 9999 can be written as JSON.
	lastYear = 9996
	// MaxDepth is how deep lists and objects of a payload may be nested.
	MaxDepth = 1000
	// MaxName is the longest tenant, actor, idempotency key, resource id or trace, in bytes.
	MaxName = 255
)

// EmitOpts are the options of one emit. A nil *EmitOpts means none.
type EmitOpts struct {
	// Tenant separates customers of a multi-tenant application. Defaults to "".
	Tenant string
	// Actor is who did it.
	Actor string
	// IdempotencyKey makes a repeated emit return the first event. Unique per tenant. An action that causes several
	// events gives each of them a key of its own: this one, a slash, and the event's full name.
	IdempotencyKey string
	// At postpones everything, the finding of recipients included. Defaults to now; a past time means now.
	At time.Time
	// ResourceType and ResourceID name what the event is about. Default to the resource's Name and KeyFunc.
	ResourceType string
	ResourceID   string
	// Priority overrides the event's own for this occurrence.
	Priority Priority
	// Trace is a W3C traceparent, stored with the event, to which every attempt is linked. Defaults to the span of the
	// emit, if the context carries one of OpenTelemetry.
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

// session is the caller's transaction, of pgx or database/sql.
type session struct {
	execFunc func(ctx context.Context, sql string) error
	// rowFunc runs the emit statement and scans its row.
	rowFunc func(ctx context.Context, sql string, args []any, into ...any) error
}

func pgxSession(tx pgx.Tx) session {
	return session{
		execFunc: func(ctx context.Context, query string) error {
			_, err := tx.Exec(ctx, query)
			return err
		},
		rowFunc: func(ctx context.Context, query string, args []any, into ...any) error {
			return tx.QueryRow(ctx, query, args...).Scan(into...)
		},
	}
}

func sqlSession(tx *sql.Tx) session {
	return session{
		execFunc: func(ctx context.Context, query string) error {
			_, err := tx.ExecContext(ctx, query)
			return err
		},
		rowFunc: func(ctx context.Context, query string, args []any, into ...any) error {
			return tx.QueryRowContext(ctx, query, args...).Scan(into...)
		},
	}
}

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

func newCall(query, event string, payload any, opts *EmitOpts) (*call, error) {
	data, err := encode(payload)
	if err != nil {
		return nil, err
	}
	options, err := opts.encode()
	if err != nil {
		return nil, err
	}
	return &call{event: event, sql: query, args: []any{event, data, options}}, nil
}

// emitAll runs the calls in order. With a savepoint all of them take effect or none, and the transaction stays usable.
func (s session) emitAll(ctx context.Context, calls []*call, savepoint bool) ([]Emitted, error) {
	if savepoint {
		if err := s.execFunc(ctx, sqlSavepoint); err != nil {
			return nil, fmt.Errorf("emit: %w", err)
		}
	}
	emitted := make([]Emitted, len(calls))
	for i, c := range calls {
		var err error
		if emitted[i], err = c.query(ctx, s); err != nil {
			if savepoint {
				err = errors.Join(err, s.execFunc(context.WithoutCancel(ctx), sqlRollbackSavepoint))
			}
			return nil, err
		}
	}
	if savepoint {
		if err := s.execFunc(ctx, sqlReleaseSavepoint); err != nil {
			return nil, fmt.Errorf("emit: %w", err)
		}
	}
	return emitted, nil
}

// emitTraced runs the one call that prepareFunc makes of opts, in a span.
func (s session) emitTraced(ctx context.Context, name string, opts *EmitOpts, prepareFunc func() (*call, error)) (Emitted, error) {
	ctx, span := startEmit(ctx, name, opts)
	c, err := prepareFunc()
	var emitted []Emitted
	if err == nil {
		emitted, err = s.emitAll(ctx, []*call{c}, opts.Savepoint)
	}
	span.end(emitted, err)
	if err != nil {
		return Emitted{}, err
	}
	return emitted[0], nil
}

func (c *call) query(ctx context.Context, s session) (Emitted, error) {
	emitted := Emitted{Event: c.event}
	var id string
	var conflict bool
	if err := s.rowFunc(ctx, c.sql, c.args, &id, &emitted.Duplicate, &conflict); err != nil {
		return Emitted{}, fmt.Errorf("emit %s: %w", c.event, err)
	}
	failpoint.Pass(failpoint.E1, c.event)
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
	if raw[0] != '{' {
		return "", &InvalidError{Field: "payload", Problem: "is not a JSON object"}
	}
	size, problem := measure(raw)
	switch {
	case problem != "":
		return "", &InvalidError{Field: "payload", Problem: problem}
	case size > MaxData:
		return "", &InvalidError{Field: "payload", Problem: fmt.Sprintf("has %d bytes (at most %d: emit a reference and look the rest up in EnrichFunc)", size, MaxData)}
	}
	return string(raw), nil
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
		if err := checkText(f.name, f.value); err != nil {
			return "", err
		}
		if f.value != "" {
			options[f.name] = f.value
		}
	}
	if !o.At.IsZero() {
		if year := o.At.UTC().Year(); year < 1 || year > lastYear {
			return "", &InvalidError{Field: "at", Problem: fmt.Sprintf("is outside the years 1 to %d", lastYear)}
		}
		// Postgres rounds to microseconds, which might leave the years.
		options["at"] = o.At.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
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

func checkText(field, value string) error {
	switch {
	case len(value) > MaxName:
		return &InvalidError{Field: field, Problem: fmt.Sprintf("has %d bytes (at most %d)", len(value), MaxName)}
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		return &InvalidError{Field: field, Problem: "is not UTF-8 text without NUL"}
	}
	return nil
}

// maxExponent is beyond every float64.
const maxExponent = 400

// measure tells how many bytes Postgres makes of compact JSON, and what of it Postgres would refuse; "" if nothing.
// A refusal there would end the caller's transaction.
func measure(raw []byte) (size int, problem string) {
	if !utf8.Valid(raw) {
		return 0, "is not UTF-8"
	}
	size = len(raw)
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '{', '[':
			if depth++; depth > MaxDepth {
				return 0, fmt.Sprintf("is nested deeper than %d", MaxDepth)
			}
		case '}', ']':
			depth--
		case ',', ':':
			size++
		case '"':
			if i, problem = skipString(raw, i); problem != "" {
				return 0, problem
			}
		case 'e', 'E':
			if raw[i-1] < '0' || raw[i-1] > '9' {
				continue // of true or false
			}
			digits := raw[i+1:]
			digits = digits[:len(digits)-len(bytes.TrimLeft(digits, "+-0123456789"))]
			exponent, err := strconv.Atoi(string(digits))
			if exponent = max(exponent, -exponent); err != nil || exponent > maxExponent {
				return 0, "has a number out of range"
			}
			size += exponent
		}
	}
	return size, ""
}

// skipString returns the index of the quote that ends the string which begins at the given one.
func skipString(raw []byte, at int) (end int, problem string) {
	for at++; raw[at] != '"'; at++ {
		if raw[at] != '\\' {
			continue
		}
		if at++; raw[at] != 'u' {
			continue
		}
		char := escaped(raw[at+1:])
		at += 4
		switch {
		case char == 0:
			return 0, "has a NUL character, which Postgres cannot store"
		case !utf16.IsSurrogate(char):
		case raw[at+1] == '\\' && raw[at+2] == 'u' && utf16.DecodeRune(char, escaped(raw[at+3:])) != utf8.RuneError:
			at += 6
		default:
			return 0, "has half of a surrogate pair"
		}
	}
	return at, ""
}

// escaped reads the four hex digits of an escape.
func escaped(digits []byte) rune {
	char, _ := strconv.ParseUint(string(digits[:4]), 16, 16) // The encoder has checked them.
	return rune(char)
}
