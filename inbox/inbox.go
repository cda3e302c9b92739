package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DB is what the statements run on: a pool, a connection, or a transaction.
type DB interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Notification is one row of a person's inbox.
type Notification struct {
	// ID is the id of the receipt that it fulfils.
	ID               uuid.UUID  `json:"id"`
	EventID          uuid.UUID  `json:"event_id"`
	Tenant           string     `json:"tenant,omitempty"`
	Person           string     `json:"person"`
	Event            string     `json:"event"`
	Category         string     `json:"category,omitempty"`
	NotificationType string     `json:"notification_type"`
	Title            string     `json:"title"`
	Message          string     `json:"message"`
	ActionURL        string     `json:"action_url,omitempty"`
	ActionLabel      string     `json:"action_label,omitempty"`
	ResourceType     string     `json:"resource_type,omitempty"`
	ResourceID       string     `json:"resource_id,omitempty"`
	Seq              int64      `json:"seq"`
	CreatedAt        time.Time  `json:"created_at"`
	ReadAt           *time.Time `json:"read_at,omitempty"`
}

// InsertTx adds notifications, each at most once by its ID, and bumps the seq of each person concerned. Call it as
// the transaction's last statement that takes locks, since it holds the head rows of these people until the end.
func InsertTx(ctx context.Context, tx pgx.Tx, list []Notification) error {
	ids := make([]uuid.UUID, len(list))
	eventIDs := make([]uuid.UUID, len(list))
	columns := map[string][]string{}
	for i, n := range list {
		ids[i], eventIDs[i] = n.ID, n.EventID
		for name, value := range map[string]string{
			"tenants": n.Tenant, "people": n.Person, "events": n.Event, "categories": n.Category,
			"types": n.NotificationType, "titles": n.Title, "messages": n.Message,
			"urls": n.ActionURL, "labels": n.ActionLabel,
			"resource_types": n.ResourceType, "resource_ids": n.ResourceID,
		} {
			columns[name] = append(columns[name], value)
		}
	}
	args := pgx.StrictNamedArgs{"ids": ids, "event_ids": eventIDs}
	for name, values := range columns {
		args[name] = values
	}
	if _, err := tx.Exec(ctx, sqlInsert, args); err != nil {
		return fmt.Errorf("insert %d notifications: %w", len(list), err)
	}
	return nil
}

// MarkRead marks a person's own notifications as read and returns how many changed. Ids that are not the person's
// have no effect.
func MarkRead(ctx context.Context, db DB, tenant, person string, ids []uuid.UUID) (int, error) {
	tag, err := db.Exec(ctx, sqlMarkRead, pgx.StrictNamedArgs{"tenant": tenant, "person": person, "ids": ids})
	if err != nil {
		return 0, fmt.Errorf("mark notifications read: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// List returns a person's notifications, newest first; at most limit.
func List(ctx context.Context, db DB, tenant, person string, limit int) ([]Notification, error) {
	rows, err := db.Query(ctx, sqlList, pgx.StrictNamedArgs{"tenant": tenant, "person": person, "limit": limit})
	if err != nil {
		return nil, fmt.Errorf("list notifications: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByName[Notification])
	if err != nil {
		return nil, fmt.Errorf("list notifications: %w", err)
	}
	return list, nil
}

// Of names the notification of one event for one person.
type Of struct {
	EventID uuid.UUID
	Person  string
}

// Reading is when a person read the notification of an event.
type Reading struct {
	NotificationID uuid.UUID
	ReadAt         time.Time
}

// Read tells which of the named notifications have been read.
func Read(ctx context.Context, db DB, of []Of) (map[Of]Reading, error) {
	read := make(map[Of]Reading)
	if len(of) == 0 {
		return read, nil
	}
	eventIDs, people := make([]uuid.UUID, len(of)), make([]string, len(of))
	for i, o := range of {
		eventIDs[i], people[i] = o.EventID, o.Person
	}
	rows, err := db.Query(ctx, sqlRead, pgx.StrictNamedArgs{"event_ids": eventIDs, "people": people})
	if err != nil {
		return nil, fmt.Errorf("look up read notifications: %w", err)
	}
	var o Of
	var r Reading
	_, err = pgx.ForEachRow(rows, []any{&o.EventID, &o.Person, &r.NotificationID, &r.ReadAt}, func() error {
		read[o] = r
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up read notifications: %w", err)
	}
	return read, nil
}
