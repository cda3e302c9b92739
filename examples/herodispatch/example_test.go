package herodispatch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/examples/herodispatch"
)

// SendOut shows an action, and the same one refused. The first leaves an assignment, its event, and a receipt for every
// way by which the hero is told, or none of them. The second leaves nothing at all: no row, no event, no receipt.
func SendOut(ctx context.Context, w io.Writer, office *herodispatch.App, incident uuid.UUID) error {
	desk := office.As("ines")
	assigned, err := desk.AssignHero(ctx, incident, "mara")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, assigned.HeroAlias, "is", assigned.Status)

	_, err = desk.AssignHero(ctx, incident, "mara")
	var booked *herodispatch.BookedError
	if !errors.As(err, &booked) {
		return err
	}
	fmt.Fprintln(w, "refused:", booked)
	return nil
}

func TestExampleSendOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	incident := b.report(t)
	var out bytes.Buffer
	require.NoError(t, SendOut(t.Context(), &out, b.App, incident.ID))
	require.Equal(t, `Northwind is assigned
refused: assign hero mara: already assigned (unassign the hero first)
`, out.String())

	require.Equal(t, 1, b.events(t)["assignments.assigned"])
	list, err := b.Assignments(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	var promised []string
	rows, err := b.pool.Query(t.Context(), `SELECT r.channel FROM carillon.receipts r
		JOIN carillon.events e ON e.id = r.event_id WHERE e.name = 'assignments.assigned' ORDER BY r.channel`)
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var channel string
		require.NoError(t, rows.Scan(&channel))
		promised = append(promised, channel)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, []string{"email.hero", "in_app.hero", "sms.hero"}, promised, "those of the first, not of the second")
}
