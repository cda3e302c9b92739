package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/carillon-notify/carillon/internal/dbtest"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

// patience is how long a script waits for what a worker does.
const patience = 30 * time.Second

// scriptTB is the key of a script's own test.
type scriptTB struct{}

// TestScripts runs testdata/script. Each script has a migrated database of its own in $DATABASE_URL, and these commands
// besides testscript's:
//
//	emptydb                  put a database without our schema into $DATABASE_URL
//	[!] sql [-as VAR] QUERY  run SQL; its rows are standard output, VAR the first value
//	fails STATUS COMMAND     run a command that must end with this exit status
//	await QUERY              ask again and again until the first value is true
//	address free|taken VAR   put an address of this machine into VAR
//	get STATUS URL           ask again and again until the answer has this status; its body is standard output
//	collector [VAR]          put the URL of a collector of spans into VAR, or print the spans that it got
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			tb := env.T().(testing.TB)
			env.Values[scriptTB{}] = tb
			env.Values[collectorKey{}] = &collector{}
			env.Setenv("DATABASE_URL", dbtest.DSN(tb))
			env.Setenv("TZ", "America/Lima") // UTC is what is shown nevertheless.
			env.Setenv("ESC", "\x1b")
			env.Setenv("GORACE", "atexit_sleep_ms=20") // A second by default, at the end of every command.
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"emptydb": scriptEmptyDB,
			"sql":     scriptSQL,
			"fails":   scriptFails,
			"await":   scriptAwait,
			"address": scriptAddress, "get": scriptGet, "collector": scriptCollector,
		},
	})
}

func scriptEmptyDB(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: emptydb")
	}
	ts.Setenv("DATABASE_URL", dbtest.EmptyDSN(ts.Value(scriptTB{}).(testing.TB)))
}

func scriptSQL(ts *testscript.TestScript, neg bool, args []string) {
	as := ""
	if len(args) == 3 && args[0] == "-as" {
		as, args = args[1], args[2:]
	}
	if len(args) != 1 {
		ts.Fatalf("usage: sql [-as VAR] QUERY")
	}
	rows, err := query(context.Background(), ts.Getenv("DATABASE_URL"), args[0])
	if neg {
		if err == nil {
			ts.Fatalf("the query succeeded")
		}
		_, err = fmt.Fprintln(ts.Stderr(), err)
		ts.Check(err)
		return
	}
	ts.Check(err)
	for _, row := range rows {
		_, err := fmt.Fprintln(ts.Stdout(), strings.Join(row, "\t"))
		ts.Check(err)
	}
	if as != "" {
		if len(rows) == 0 {
			ts.Fatalf("the query has no row")
		}
		ts.Setenv(as, rows[0][0])
	}
}

func scriptFails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails STATUS COMMAND")
	}
	status := "0"
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		status = strconv.Itoa(exit.ExitCode())
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if status != args[0] {
		ts.Fatalf("the exit status is %s, not %s", status, args[0])
	}
}

func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await QUERY")
	}
	ts.Check(await(context.Background(), ts.Getenv("DATABASE_URL"), args[0]))
}

// query runs SQL on a connection of its own and returns every value as text.
func query(ctx context.Context, dsn, sql string) ([][]string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(ctx) }()
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	var all [][]string
	for _, result := range results {
		for _, row := range result.Rows {
			values := make([]string, len(row))
			for i, value := range row {
				values[i] = string(value)
			}
			all = append(all, values)
		}
	}
	return all, nil
}

// await asks until the answer is true.
func await(ctx context.Context, dsn, sql string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		rows, err := query(ctx, dsn, sql)
		if err == nil && len(rows) > 0 && rows[0][0] == "t" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("it did not come true: %s", sql), err)
		}
	}
}
