package hook

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Operation is a statement that emits.
type Operation string

// The operations. A deleted row has nothing left to tell.
const (
	Insert Operation = "insert"
	Update Operation = "update"
)

// Mode says what becomes of the application's statement if the emit fails.
type Mode string

// The modes.
const (
	Try    Mode = "try"
	Strict Mode = "strict"
)

// Config says what to hook.
type Config struct {
	// Table is the application's table as SQL would name it: with its schema, or found on the search path. Required.
	Table string
	// Event is a published event. Required.
	Event string
	// On lists the operations. Defaults to [Insert].
	On []Operation
	// Columns make the event's data. Defaults to the event's own fields.
	Columns []string
	// IDColumn becomes the event's resource id. Defaults to the primary key if that is a single column, else to none.
	IDColumn string
	// TenantColumn becomes the event's tenant. Defaults to none.
	TenantColumn string
	// Mode defaults to [Try].
	Mode Mode
}

// Hook is a checked trigger.
type Hook struct {
	// Trigger is its name, Table the qualified name of its table, both unquoted.
	Trigger      string      `json:"trigger"`
	Table        string      `json:"table"`
	Event        string      `json:"event"`
	On           []Operation `json:"on"`
	Columns      []string    `json:"columns"`
	IDColumn     string      `json:"id_column,omitempty"`
	TenantColumn string      `json:"tenant_column,omitempty"`
	Mode         Mode        `json:"mode"`
	// Untold are fields of the event that no column gives; templates that read them will fail.
	Untold []string `json:"untold,omitempty"`
	// SQL is the statement that installs it.
	SQL string `json:"sql"`

	target *table
}

// New checks a hook against the database and composes its statement. Nothing is written. It returns an
// [*InvalidError] or a [*MissingColumnsError] if it does not fit.
func New(ctx context.Context, db DB, cfg Config) (*Hook, error) {
	fields, err := publishedFields(ctx, db, cfg.Event)
	if err != nil {
		return nil, err
	}
	t, err := findTable(ctx, db, cfg.Table)
	if err != nil {
		return nil, err
	}
	h := &Hook{
		Trigger: triggerName(cfg.Event), Table: t.name(), Event: cfg.Event, On: cfg.On, Columns: cfg.Columns,
		IDColumn: cfg.IDColumn, TenantColumn: cfg.TenantColumn, Mode: cmp.Or(cfg.Mode, Try), target: t,
	}
	if len(h.On) == 0 {
		h.On = []Operation{Insert}
	}
	if h.IDColumn == "" && len(t.Key) == 1 {
		h.IDColumn = t.Key[0]
	}
	if err := h.chooseColumns(t, fields); err != nil {
		return nil, err
	}
	if err := h.validate(t); err != nil {
		return nil, err
	}
	h.SQL = h.statement(t)
	return h, nil
}

// Install creates the trigger, or replaces an older one of the same event. It waits for writers of the table for no
// longer than five seconds, so that others do not queue up behind it. It returns an [*InvalidError] if the name belongs
// to a trigger of somebody else, and [ErrBusy] if the writers took longer.
func (h *Hook) Install(ctx context.Context, db DB) error {
	if _, err := change(ctx, db, h.target, h.Event, h.SQL); err != nil {
		return fmt.Errorf("install trigger %s on %s: %w", h.Trigger, h.Table, err)
	}
	return nil
}

func (h *Hook) chooseColumns(t *table, fields []string) error {
	named := len(h.Columns) > 0
	if !named {
		if len(fields) == 0 {
			return invalidf("event %s declares no fields (choose the columns that it is to carry: --columns %s)",
				h.Event, strings.Join(t.Columns, ","))
		}
		h.Columns = fields
	}
	if missing := without(h.Columns, t.Columns); len(missing) > 0 {
		return &MissingColumnsError{Table: h.Table, Event: h.Event, Missing: missing, Have: t.Columns, Named: named}
	}
	h.Untold = without(fields, h.Columns)
	return nil
}

func (h *Hook) validate(t *table) error {
	for _, op := range h.On {
		if op != Insert && op != Update {
			return invalidf("unknown operation %q (one of insert, update)", op)
		}
	}
	if h.Mode != Try && h.Mode != Strict {
		return invalidf("unknown mode %q (one of try, strict)", h.Mode)
	}
	for _, column := range []string{h.IDColumn, h.TenantColumn} {
		if column != "" && !slices.Contains(t.Columns, column) {
			return &MissingColumnsError{Table: h.Table, Event: h.Event, Missing: []string{column}, Have: t.Columns, Named: true}
		}
	}
	return nil
}

func (h *Hook) statement(t *table) string {
	operations := []string{}
	for _, op := range []Operation{Insert, Update} {
		if slices.Contains(h.On, op) {
			operations = append(operations, strings.ToUpper(string(op)))
		}
	}
	// A slice of strings always encodes.
	columns, _ := json.Marshal(h.Columns)
	args := []string{h.Event, string(h.Mode), string(columns), h.IDColumn, h.TenantColumn}
	for i, arg := range args {
		args[i] = quoteLiteral(arg)
	}
	return fmt.Sprintf(sqlCreateTrigger,
		pgx.Identifier{h.Trigger}.Sanitize(), strings.Join(operations, " OR "), t.quoted(), strings.Join(args, ", "))
}

// without lists the items of all that are not among taken.
func without(all, taken []string) []string {
	var rest []string
	for _, item := range all {
		if !slices.Contains(taken, item) {
			rest = append(rest, item)
		}
	}
	return rest
}

// quoteLiteral makes a literal of any text, whatever standard_conforming_strings says.
func quoteLiteral(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
