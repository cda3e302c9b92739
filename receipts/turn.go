package receipts

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/failpoint"
)

// Turn does what [Store.Record] and then [Store.Bind] do, in one transaction and one round trip: senders that are done with
// some receipts of a batch go over to others of it, and wait for the disk once. After an error neither happened, unless the
// answer was lost.
func (s *Store) Turn(
	ctx context.Context, db DB, token uuid.UUID, results []Result, bindings []Binding,
) (recorded []uuid.UUID, tries map[uuid.UUID]int, err error) {
	record, err := recordArgs(results)
	if err != nil {
		return nil, nil, err
	}
	record["token"], record["last"], record["now"] = token, false, s.now()
	bind, err := bindArgs(token, bindings)
	if err != nil {
		return nil, nil, err
	}
	// Outside a transaction, the statements of a batch are one.
	batch := &pgx.Batch{}
	batch.Queue(sqlRecord, record)
	batch.Queue(sqlBind, bind)
	answers := db.SendBatch(ctx, batch)
	failpoint.Pass(failpoint.S6)
	recorded, tries, err = collectTurn(answers, len(results), len(bindings))
	// Only the end of the batch is the commit.
	if closed := answers.Close(); err == nil && closed != nil {
		err = fmt.Errorf("record %d results, bind %d receipts: %w", len(results), len(bindings), closed)
	}
	if err != nil {
		return nil, nil, err
	}
	return recorded, tries, nil
}

func collectTurn(answers pgx.BatchResults, results, bindings int) (recorded []uuid.UUID, tries map[uuid.UUID]int, err error) {
	rows, err := answers.Query()
	if err != nil {
		return nil, nil, fmt.Errorf("record %d results: %w", results, err)
	}
	if recorded, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil {
		return nil, nil, fmt.Errorf("record %d results: %w", results, err)
	}
	if rows, err = answers.Query(); err != nil {
		return nil, nil, fmt.Errorf("bind %d receipts: %w", bindings, err)
	}
	tries, err = collectBound(rows, bindings)
	return recorded, tries, err
}
