package attachments

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-notify/carillon/transports"
)

// DB is what the statements run on: a pool, a connection, or a transaction.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Store keeps the contents of a receipt's files, each that is not there yet, and notes that the receipt refers to them. It
// does nothing for a receipt without files. A nil now leaves the time to the database. The error is a [transports.Error]
// of class [transports.Transient] if a content is neither stored nor at hand, and else the database's.
func Store(ctx context.Context, db DB, now *time.Time, receipt uuid.UUID, files []transports.File) error {
	if len(files) == 0 {
		return nil
	}
	hashes, err := hashesOf(files)
	if err != nil {
		return err
	}
	rows, err := db.Query(ctx, sqlUse, pgx.StrictNamedArgs{"hashes": hashes, "receipt_id": receipt, "now": now})
	if err != nil {
		return fmt.Errorf("look for stored attachments: %w", err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return fmt.Errorf("look for stored attachments: %w", err)
	}
	have := map[string]bool{}
	for _, hash := range stored {
		have[string(hash)] = true
	}
	for i, f := range files {
		key := string(hashes[i])
		if have[key] {
			continue
		}
		if f.Content == nil {
			return transports.Errorf(transports.Transient, "what %q holds is gone from the store", f.Name)
		}
		_, err := db.Exec(ctx, sqlStore, pgx.StrictNamedArgs{
			"hash": hashes[i], "content": f.Content, "receipt_id": receipt, "now": now,
		})
		if err != nil {
			return fmt.Errorf("store attachment: %w", err)
		}
		have[key] = true
	}
	return nil
}

// Load returns the contents of files by their hashes as [transports.File] has them. What is not stored any more is
// missing.
func Load(ctx context.Context, db DB, files []transports.File) (map[string][]byte, error) {
	if len(files) == 0 {
		return nil, nil
	}
	hashes, err := hashesOf(files)
	if err != nil {
		return nil, err
	}
	rows, err := db.Query(ctx, sqlLoad, pgx.StrictNamedArgs{"hashes": hashes})
	if err != nil {
		return nil, fmt.Errorf("load attachments: %w", err)
	}
	contents := make(map[string][]byte, len(files))
	var hash, content []byte
	_, err = pgx.ForEachRow(rows, []any{&hash, &content}, func() error {
		contents[hex.EncodeToString(hash)] = content
		content = nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load attachments: %w", err)
	}
	return contents, nil
}

// Prune deletes up to most contents that no receipt refers to and that were last used before a time, which is to be an
// hour ago at least, better a day. It returns how many.
func Prune(ctx context.Context, db DB, before time.Time, most int) (int, error) {
	done, err := db.Exec(ctx, sqlPrune, pgx.StrictNamedArgs{"before": before, "most": most})
	if err != nil {
		return 0, fmt.Errorf("prune attachments: %w", err)
	}
	return int(done.RowsAffected()), nil
}

func hashesOf(files []transports.File) ([][]byte, error) {
	hashes := make([][]byte, len(files))
	for i, f := range files {
		hash, err := hex.DecodeString(f.Hash)
		if err != nil || len(hash) != 32 {
			return nil, transports.Errorf(transports.Permanent, "file %d of the message has no hash", i+1)
		}
		hashes[i] = hash
	}
	return hashes, nil
}
