package inbox_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/internal/dbtest"
)

func notification(person, title string) inbox.Notification {
	return inbox.Notification{
		ID: uuid.Must(uuid.NewV7()), EventID: uuid.Must(uuid.NewV7()), Tenant: "acme", Person: person,
		Event: "orders.created", Category: "orders", NotificationType: "success", Title: title, Message: "m",
		ActionURL: "https://example.com/1", ActionLabel: "Open", ResourceType: "orders", ResourceID: "1",
	}
}

func head(t *testing.T, tx pgx.Tx, person string) (seq int) {
	t.Helper()
	err := tx.QueryRow(t.Context(), `SELECT seq FROM carillon.inbox_heads WHERE tenant = 'acme' AND person = $1`, person).Scan(&seq)
	require.NoError(t, err)
	return seq
}

func TestNotificationsComeBackAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	tx, person := dbtest.Tx(t), uuid.NewString()
	want := notification(person, "first")
	require.NoError(t, inbox.InsertTx(t.Context(), tx, []inbox.Notification{want}))
	list, err := inbox.List(t.Context(), tx, "acme", person, 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.False(t, list[0].CreatedAt.IsZero())
	want.Seq, want.CreatedAt = 1, list[0].CreatedAt
	require.Equal(t, want, list[0])
	other, err := inbox.List(t.Context(), tx, "another tenant", person, 10)
	require.NoError(t, err)
	require.Empty(t, other)
}

func TestSeqGrowsOncePerBatchAndPerson(t *testing.T) {
	t.Parallel()
	tx, ann, bob := dbtest.Tx(t), uuid.NewString(), uuid.NewString()
	batch := []inbox.Notification{notification(ann, "a"), notification(ann, "b"), notification(bob, "c")}
	require.NoError(t, inbox.InsertTx(t.Context(), tx, batch))
	require.Equal(t, []int{1, 1}, []int{head(t, tx, ann), head(t, tx, bob)})
	require.NoError(t, inbox.InsertTx(t.Context(), tx, append(batch, notification(ann, "d"))))
	require.Equal(t, []int{2, 1}, []int{head(t, tx, ann), head(t, tx, bob)}, "what was there already bumps nobody")
	list, err := inbox.List(t.Context(), tx, "acme", ann, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"d", "b"}, []string{list[0].Title, list[1].Title})
	require.EqualValues(t, 2, list[0].Seq)
}

func TestReadingChangesOnesOwnRowsOnce(t *testing.T) {
	t.Parallel()
	tx, ann, bob := dbtest.Tx(t), uuid.NewString(), uuid.NewString()
	mine, theirs := notification(ann, "mine"), notification(bob, "theirs")
	require.NoError(t, inbox.InsertTx(t.Context(), tx, []inbox.Notification{mine, theirs}))
	ids := []uuid.UUID{mine.ID, theirs.ID}
	for want := 1; want >= 0; want-- {
		n, err := inbox.MarkRead(t.Context(), tx, "acme", ann, ids)
		require.NoError(t, err)
		require.Equal(t, want, n)
		require.Equal(t, 2, head(t, tx, ann))
	}
	read, err := inbox.Read(t.Context(), tx, []inbox.Of{{EventID: mine.EventID, Person: ann}, {EventID: theirs.EventID, Person: bob}})
	require.NoError(t, err)
	require.Len(t, read, 1)
	require.Equal(t, mine.ID, read[inbox.Of{EventID: mine.EventID, Person: ann}].NotificationID)
}
