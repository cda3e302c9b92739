package receipts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// queries are the package's statements by the names of their constants.
func queries(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob("queries*.go")
	require.NoError(t, err)
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(set, name, nil, 0)
		require.NoError(t, err)
		files = append(files, file)
	}
	pkg, err := (&types.Config{Importer: importer.Default()}).Check("receipts", set, files, nil)
	require.NoError(t, err)
	found := map[string]string{}
	for _, name := range pkg.Scope().Names() {
		if c, ok := pkg.Scope().Lookup(name).(*types.Const); ok && strings.HasPrefix(name, "sql") {
			found[name] = constant.StringVal(c.Val())
		}
	}
	require.Contains(t, found, "sqlClaim")
	return found
}

// fragments are parts of statements.
func fragments() []string {
	return []string{"sqlInsertJobs", "sqlLocked", "sqlSuspectAlone", "sqlTakeClaimable"}
}

// positional writes @name as $n, and says how many there are.
func positional(sql string) (text string, parameters int) {
	var names []string
	text = regexp.MustCompile(`@([a-z_]+)`).ReplaceAllStringFunc(sql, func(name string) string {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		return fmt.Sprintf("$%d", slices.Index(names, name)+1)
	})
	return text, len(names)
}

func TestEveryStatementFitsTheSchema(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, sql := range queries(t) {
		if slices.Contains(fragments(), name) {
			continue
		}
		text, _ := positional(sql)
		_, err := b.db.Exec(b.ctx(), "PREPARE s AS "+text)
		require.NoError(t, err, name)
		b.exec("DEALLOCATE s")
	}
}

// sqlFill makes a table with a long past: finished receipts, jobs that River has not swept yet, and jobs of the future.
const sqlFill = `
INSERT INTO carillon.events (id, name, data) SELECT gen_random_uuid(), 'orders.created', '{}' FROM generate_series(1, 20000);
INSERT INTO carillon.receipts (id, event_id, tenant, channel, transport, audience, priority, state, reason, due_at, finished_at)
SELECT gen_random_uuid(), gen_random_uuid(), '', 'email.user', 'email', 'user', 2, 'sent', 'accepted',
       now() - make_interval(secs => i), now() FROM generate_series(1, 100000) i;
INSERT INTO carillon.river_job (args, kind, max_attempts, queue, state, scheduled_at, finalized_at)
SELECT '{}', 'carillon_receipt', 25, 'email_default', 'completed', now() - make_interval(secs => i), now() FROM generate_series(1, 20000) i;
INSERT INTO carillon.river_job (args, kind, max_attempts, queue, priority, state, scheduled_at)
SELECT '{}', 'carillon_receipt', 25, 'email_default', 2, 'scheduled', now() + make_interval(secs => i) FROM generate_series(1, 20000) i;
ANALYZE carillon.receipts, carillon.river_job, carillon.events, carillon.leases`

// A worker runs these statements all day, over a table that only grows.
func TestNoStatementOfTheWorkerReadsAWholeTable(t *testing.T) {
	t.Parallel()
	b := over(t, newPool(t))
	for range 5 {
		b.owed()
	}
	batch, ids := b.sending(5)
	for range 5 {
		b.owed()
	}
	b.exec(sqlFill)
	all := queries(t)
	for name, args := range map[string]pgx.StrictNamedArgs{
		"sqlClaim": {"lane": lane, "own": ids[:1], "more": 199, "token": uuid.New(), "lease": 15.0, "worker": "w", "innocent": false, "now": nil},
		"sqlClaimBulk": {
			"lane": bulkLane, "transport": "email", "from_tenant": "", "more": 200, "token": uuid.New(), "lease": 15.0, "worker": "w",
			"innocent": false, "now": nil,
		},
		"sqlOwedBulk":      {"transport": "email", "now": nil},
		"sqlReconcileBulk": {"grace": 10.0, "now": nil},
		"sqlRelease":       {"token": batch.Token, "ids": ids, "reasons": []string{}, "now": nil},
		"sqlBind": {
			"token": batch.Token, "ids": ids, "recipients": []string{}, "addresses": []string{}, "policies": []string{},
			"bodies": []*string{}, "rendered": []*time.Time{},
		},
		"sqlRecord": {
			"token": batch.Token, "last": true, "now": nil, "ids": ids, "states": []string{"sent"}, "reasons": []string{"accepted"},
			"waits": []float64{0}, "costs": []bool{true}, "answered": []bool{false}, "recipients": []string{}, "addresses": []string{}, "providers": []string{},
			"message_ids": []string{}, "data": []*string{}, "verdicts": []*string{}, "outcomes": []string{}, "classes": []string{},
			"codes": []string{}, "details": []string{}, "started": []*time.Time{}, "finished": []*time.Time{},
		},
		"sqlHeld": {"ids": ids, "token": batch.Token},
		"sqlExpandChunk": {
			"token": batch.Token, "root": ids[0], "cursor": "x", "now": nil, "keys": []string{"x"}, "recipients": []string{"x"},
			"addresses": []string{""}, "data": []*string{nil},
		},
		"sqlReclaim":   {"poison": 3, "now": nil},
		"sqlReconcile": {"grace": 10.0, "now": nil},
		"sqlPromote":   {"lanes": []string{lane, "sms_default"}, "now": nil},
		"sqlOwn":       {"id": ids[0]},
		"sqlGet":       {"id": ids[0]},
		"sqlOfEvent":   {"event_id": ids[0]},
	} {
		t.Run(name, func(t *testing.T) {
			tx, err := b.db.Begin(t.Context())
			require.NoError(t, err)
			defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()
			requireIndexed(t, explain(t, tx, "EXPLAIN "+all[name], args))
			text, n := positional(all[name])
			_, err = tx.Exec(t.Context(), "SET LOCAL plan_cache_mode = force_generic_plan")
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), "PREPARE s AS "+text)
			require.NoError(t, err)
			requireIndexed(t, explain(t, tx, "EXPLAIN EXECUTE s("+strings.TrimSuffix(strings.Repeat("NULL,", n), ",")+")"))
			_, err = tx.Exec(t.Context(), "DEALLOCATE s")
			require.NoError(t, err)
		})
	}
}

func explain(t *testing.T, tx pgx.Tx, sql string, args ...any) string {
	t.Helper()
	rows, err := tx.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}

func requireIndexed(t *testing.T, plan string) {
	t.Helper()
	require.NotRegexp(t, `Seq Scan on (receipts|river_job|events)`, plan)
}

// A lane that fills up before its tables have statistics is where plans go wrong: a worker must not need them.
func TestABatchIsCheapWithoutStatistics(t *testing.T) {
	t.Parallel()
	const n = 200
	b := over(t, newPool(t))
	b.exec(`ALTER TABLE carillon.receipts SET (autovacuum_enabled = false)`)
	b.exec(`ALTER TABLE carillon.river_job SET (autovacuum_enabled = false)`)
	b.exec(`ANALYZE carillon.receipts, carillon.river_job, carillon.events`)
	b.exec(`SELECT carillon.emit_event('orders.created', '{}', '{}', $1) FROM generate_series(1, 1000)`,
		`[{"channel": "email.user", "transport": "email", "audience": "user", "priority": 2}]`)
	all := queries(t)
	token := uuid.New()
	tx, err := b.db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context()))) }()
	touched := rowsOf(t, tx, all["sqlClaim"], pgx.StrictNamedArgs{
		"lane": lane, "own": []uuid.UUID{}, "more": n, "token": token, "lease": 15.0, "worker": "w", "innocent": false, "now": nil,
	})
	require.Less(t, touched, 50*n, "claim")

	var ids []uuid.UUID
	require.NoError(t, tx.QueryRow(t.Context(), `SELECT receipts FROM carillon.leases WHERE token = $1`, token).Scan(&ids))
	require.Len(t, ids, n)
	empty, bodies, times := make([]string, n), make([]*string, n), make([]*time.Time, n)
	body, zeros, flags := "{}", make([]float64, n), make([]bool, n)
	states, reasons, outcomes := make([]string, n), make([]string, n), make([]string, n)
	for i := range n {
		bodies[i], times[i], states[i], reasons[i], outcomes[i] = &body, &b.now, "sent", "accepted", "accepted"
	}
	touched = rowsOf(t, tx, all["sqlBind"], pgx.StrictNamedArgs{
		"token": token, "ids": ids, "recipients": empty, "addresses": empty, "policies": empty, "bodies": bodies, "rendered": times,
	})
	require.Less(t, touched, 3*n*n, "bind: its kept plan may join a small table to the batch in a loop")
	touched = rowsOf(t, tx, all["sqlRecord"], pgx.StrictNamedArgs{
		"token": token, "last": true, "now": nil, "ids": ids, "states": states, "reasons": reasons, "waits": zeros, "costs": flags,
		"answered": flags, "recipients": empty, "addresses": empty, "providers": empty, "message_ids": empty, "data": make([]*string, n),
		"verdicts": bodies, "outcomes": outcomes, "classes": outcomes, "codes": empty, "details": empty, "started": times, "finished": times,
	})
	require.Less(t, touched, 3*n*n, "record")
}

// node is a step of a plan that was run.
type node struct {
	Plans   []node  `json:"Plans"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Dropped float64 `json:"Rows Removed by Filter"`
	Joined  float64 `json:"Rows Removed by Join Filter"`
}

func (n node) rows() float64 {
	sum := (n.Rows + n.Dropped + n.Joined) * n.Loops
	for _, below := range n.Plans {
		sum += below.rows()
	}
	return sum
}

// rowsOf runs a statement and counts the rows that its steps handled.
func rowsOf(t *testing.T, tx pgx.Tx, sql string, args pgx.StrictNamedArgs) int {
	t.Helper()
	var raw []byte
	require.NoError(t, tx.QueryRow(t.Context(), "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "+sql, args).Scan(&raw))
	var plans []struct{ Plan node }
	require.NoError(t, json.Unmarshal(raw, &plans))
	t.Logf("%.0f rows", plans[0].Plan.rows())
	return int(plans[0].Plan.rows())
}
