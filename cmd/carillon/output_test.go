package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/cli"
	"github.com/carillon-notify/carillon/receipts"
)

func TestColoursAreOnlyForTerminals(t *testing.T) {
	t.Parallel()
	rows := []receipts.Receipt{{State: receipts.Failed, Channel: "email.user"}}
	for colours, want := range map[bool]string{false: "  failed  -", true: "  \x1b[31mfailed\x1b[0m  -"} {
		var out bytes.Buffer
		a := &app{out: &out, err: cli.NewRedactor(&out), colours: colours}
		require.NoError(t, a.printReceipts(rows))
		require.Contains(t, out.String(), want)
	}
	require.Equal(t, `\x1b[31m`, (&app{colours: true}).show("\x1b[31m"), "data brings no colours of its own")
}

func TestTheDatabasesHintIsTold(t *testing.T) {
	t.Parallel()
	ours := &pgconn.PgError{Severity: "ERROR", Code: "CN001", Message: "event 'x' is not published", Hint: "run: carillon publish"}
	require.Equal(t, "emit x: event 'x' is not published (run: carillon publish)", explain(fmt.Errorf("emit x: %w", ours)))
	theirs := &pgconn.PgError{Severity: "ERROR", Code: "42501", Message: "permission denied", Detail: "for you"}
	require.Equal(t, "list: ERROR: permission denied (SQLSTATE 42501) (for you)", explain(fmt.Errorf("list: %w", theirs)))
	require.Equal(t, "plain", explain(errors.New("plain")))
}
