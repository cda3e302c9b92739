package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/jackc/pgx/v5"
)

// varying are the columns whose values differ from run to run; of them only counts whether they are filled.
var varying = []string{"id", "event_id", "job_id", "args", "due_at", "scheduled_at", "created_at"}

// footprint is what a transaction left behind.
type footprint struct {
	counts map[string]int64
	rows   map[string][]map[string]any
	linked int64
}

// checkSame fails unless the naive way leaves the same rows as an emit: the same tables, counts, columns and values.
// Without that the comparison would be unfair.
func checkSame(ctx context.Context, conn *pgx.Conn, s *shop) error {
	o := s.next()
	emitted, err := footprintOf(ctx, conn, o, s.emit)
	if err != nil {
		return err
	}
	naive, err := footprintOf(ctx, conn, o, s.naive)
	if err != nil {
		return err
	}
	if channels := int64(len(s.wires)); emitted.linked != channels || naive.linked != channels {
		return fmt.Errorf("%d and %d receipts are tied to their event and job, not %d", emitted.linked, naive.linked, channels)
	}
	for _, table := range slices.Sorted(maps.Keys(emitted.counts)) {
		if emitted.counts[table] != naive.counts[table] {
			return fmt.Errorf("an emit leaves %d rows in %s, the naive way %d",
				emitted.counts[table], table, naive.counts[table])
		}
	}
	for _, table := range slices.Sorted(maps.Keys(emitted.rows)) {
		if !reflect.DeepEqual(emitted.rows[table], naive.rows[table]) {
			return fmt.Errorf("an emit leaves other rows in %s than the naive way: %v and %v",
				table, emitted.rows[table], naive.rows[table])
		}
	}
	return nil
}

// footprintOf runs one transaction on empty tables and reads what it left.
func footprintOf(ctx context.Context, conn *pgx.Conn, o order, do act) (footprint, error) {
	f := footprint{counts: map[string]int64{}, rows: map[string][]map[string]any{}}
	if err := empty(ctx, conn); err != nil {
		return f, err
	}
	if err := do(ctx, conn, o); err != nil {
		return f, err
	}
	if err := conn.QueryRow(ctx, sqlCountLinked).Scan(&f.linked); err != nil {
		return f, fmt.Errorf("count what belongs together: %w", err)
	}
	rows, err := conn.Query(ctx, sqlSelectTables)
	if err != nil {
		return f, fmt.Errorf("list the tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return f, fmt.Errorf("list the tables: %w", err)
	}
	for _, table := range tables {
		var n int64
		if err := conn.QueryRow(ctx, fmt.Sprintf(sqlCountRows, table)).Scan(&n); err != nil {
			return f, fmt.Errorf("count the rows of %s: %w", table, err)
		}
		f.counts[table] = n
	}
	for table, query := range map[string]string{
		"events": sqlSelectEvents, "receipts": sqlSelectReceipts, "river_job": sqlSelectJobs,
	} {
		if f.rows[table], err = stableRows(ctx, conn, query); err != nil {
			return f, fmt.Errorf("read %s: %w", table, err)
		}
	}
	return f, nil
}

// stableRows reads rows without the values that vary.
func stableRows(ctx context.Context, conn *pgx.Conn, query string) ([]map[string]any, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	raw, err := pgx.CollectRows(rows, pgx.RowTo[json.RawMessage])
	if err != nil {
		return nil, err
	}
	all := make([]map[string]any, len(raw))
	for i := range raw {
		if err := json.Unmarshal(raw[i], &all[i]); err != nil {
			return nil, err
		}
		for _, column := range varying {
			if all[i][column] != nil {
				all[i][column] = "filled"
			}
		}
	}
	return all, nil
}
