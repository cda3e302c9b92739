// Package sqltext runs the queries that operators write in their configuration, and reads every column as text, so
// that an id may be a uuid, an integer or a text.
package sqltext

import (
	"context"
	"fmt"
	"regexp"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Querier is what the queries run on.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Row maps column names to their text; a NULL is absent.
type Row map[string]string

var parameter = regexp.MustCompile(`\$\d+`)

// Arg is an argument and the type that the query sees it as.
type Arg struct {
	Value any
	Type  string
}

// Query passes those of args that the query uses ($1, $2, …: Postgres refuses the others), each cast to its type, and
// returns the names of the columns and the rows.
func Query(ctx context.Context, db Querier, query string, args ...Arg) ([]string, []Row, error) {
	query, used := bind(query, args)
	rows, err := db.Query(ctx, query, append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, used...)...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	var columns []string
	for _, field := range rows.FieldDescriptions() {
		columns = append(columns, field.Name)
	}
	var all []Row
	for rows.Next() {
		row := make(Row, len(columns))
		for i, raw := range rows.RawValues() {
			if raw != nil {
				row[columns[i]] = string(raw)
			}
		}
		all = append(all, row)
	}
	return columns, all, rows.Err()
}

// bind keeps the arguments that the query uses, numbers the parameters anew if one in between is not used, and gives
// each its type, which Postgres could not always infer.
func bind(query string, args []Arg) (string, []any) {
	var used []any
	by := map[string]string{}
	for i, arg := range args {
		if name := fmt.Sprintf("$%d", i+1); slices.Contains(parameter.FindAllString(query, -1), name) {
			used = append(used, arg.Value)
			by[name] = fmt.Sprintf("($%d::%s)", len(used), arg.Type)
		}
	}
	return parameter.ReplaceAllStringFunc(query, func(name string) string {
		if typed, known := by[name]; known {
			return typed
		}
		return name
	}), used
}
