package dispatch_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
)

// newRole makes a role that ends with the transaction.
func newRole(t *testing.T, tx pgx.Tx) string {
	t.Helper()
	role := "carillon_test_" + strings.ToLower(rand.Text())
	_, err := tx.Exec(t.Context(), "CREATE ROLE "+role)
	require.NoError(t, err)
	return role
}

// attempt runs a statement under a savepoint.
func attempt(t *testing.T, tx pgx.Tx, sql string, args ...any) error {
	t.Helper()
	return pgx.BeginFunc(t.Context(), tx, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), sql, args...)
		return err
	})
}

func TestSQLAndGoWriteTheSameRows(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	b.publish()
	at := read[time.Time](b, "SELECT now()").Add(time.Hour)
	ours := b.emitEvent("billed", a7, &dispatch.EmitOpts{
		Tenant: "acme", Actor: "ann", At: at, Trace: "t", Priority: dispatch.Bulk,
	})
	theirs := read[uuid.UUID](b, "SELECT event_id FROM carillon.emit('orders.billed', $1, $2)",
		`{"id": "A7", "user_id": "ann", "note": ""}`, fmt.Sprintf(
			`{"tenant": "acme", "actor": "ann", "at": %q, "trace": "t", "priority": "bulk", "resource_id": "A7"}`, at.Format(time.RFC3339Nano)))
	require.JSONEq(t, b.written(ours.EventID), b.written(theirs))
	require.JSONEq(t, b.written(b.emitEvent("billed", order{}, &dispatch.EmitOpts{}).EventID), b.written(
		read[uuid.UUID](b, `SELECT event_id FROM carillon.emit('orders.billed', '{"id": "", "user_id": "", "note": ""}')`)))
}

func TestAnEventThatIsNotPublishedIsRefusedWithAHint(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	_, err := dispatch.EmitPublishedTx(b.ctx(), tx, "orders.nothing", json.RawMessage(`{}`), &dispatch.EmitOpts{Savepoint: true})
	var pgErr *pgconn.PgError
	require.ErrorAs(t, err, &pgErr)
	require.Equal(t, "CN001", pgErr.Code)
	require.Contains(t, pgErr.Message, "orders.nothing")
	require.Contains(t, pgErr.Hint, "carillon publish")
	b.exec("SELECT 1")
}

func TestSQLRefusesWhatGoRefuses(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	b.publish()
	before := b.counts()
	long := strings.Repeat("x", dispatch.MaxName+1)
	for _, tt := range []struct{ code, data, options string }{
		{"CN003", `{}`, `{"nonsense": 1}`},
		{"CN003", `{}`, `{"priority": "urgent"}`},
		{"CN003", `{}`, `[]`},
		{"CN003", `{}`, `"tenant"`},
		{"CN003", `{}`, `{"tenant": "` + long + `"}`},
		{"CN003", `{}`, `{"actor": "` + long + `"}`},
		{"CN003", `{}`, `{"resource_type": "` + long + `"}`},
		{"CN003", `{}`, `{"resource_id": "` + long + `"}`},
		{"CN003", `{}`, `{"trace": "` + long + `"}`},
		{"CN003", `{}`, `{"idempotency_key": "` + long + long + `"}`},
		{"CN003", `{}`, `{"at": "infinity"}`},
		{"CN003", `{}`, `{"at": "-infinity"}`},
		{"CN003", `{}`, `{"at": "9997-01-01T00:00:00Z"}`},
		{"CN003", `{}`, `{"at": "0044-03-15 BC"}`},
		{"22007", `{}`, `{"at": "soon"}`},
		{"CN004", `[]`, `{}`},
		{"CN004", `"x"`, `{}`},
		{"CN004", `null`, `{}`},
		{"CN004", `{"a": "` + strings.Repeat("x", dispatch.MaxData) + `"}`, `{}`},
	} {
		err := attempt(t, tx, "SELECT carillon.emit('orders.created', $1, $2)", tt.data, tt.options)
		requireCode(t, err, tt.code)
		require.NotContains(t, err.Error(), long)
	}
	requireCode(t, attempt(t, tx, "SELECT carillon.emit('orders.created', NULL)"), "CN004")
	requireCode(t, attempt(t, tx, "SELECT carillon.emit(NULL)"), "CN001")
	require.Equal(t, before, b.counts())
}

func TestOptionsThatAreNullCountAsNone(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	b.publish()
	id := read[uuid.UUID](b, "SELECT event_id FROM carillon.emit('orders.created', '{}', NULL)")
	require.Equal(t, "orders", read[string](b, "SELECT resource_type FROM carillon.events WHERE id = $1", id))
	require.Len(t, b.receipts(id), 3)
}

func TestTryEmitRecordsWhatFailedAndSparesTheCaller(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	b.publish()
	type answer struct {
		EventID             *uuid.UUID
		Duplicate, Conflict bool
	}
	try := func(name, data, options string) answer {
		rows, err := b.db.Query(b.ctx(), "SELECT event_id, duplicate, conflict FROM carillon.try_emit($1, $2, $3)", name, data, options)
		require.NoError(t, err)
		got, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[answer])
		require.NoError(t, err)
		return got
	}
	before := b.counts()
	require.Equal(t, answer{}, try("orders.nothing", `{"a": 1}`, `{"tenant": "acme"}`))
	require.Equal(t, answer{}, try("orders.created", `[]`, `{}`))
	require.Equal(t, map[string]int{"emit_failures": 2}, added(before, b.counts()))
	type failure struct{ Name, Data, Options, Sqlstate, Message string }
	rows, err := b.db.Query(b.ctx(), "SELECT name, data::text AS data, options::text AS options, sqlstate, message FROM carillon.emit_failures ORDER BY id")
	require.NoError(t, err)
	failures, err := pgx.CollectRows(rows, pgx.RowToStructByName[failure])
	require.NoError(t, err)
	require.Equal(t, []failure{
		{"orders.nothing", `{"a": 1}`, `{"tenant": "acme"}`, "CN001", "event 'orders.nothing' is not published"},
		{"orders.created", `[]`, `{}`, "CN004", "event data is not a JSON object"},
	}, failures)

	before = b.counts()
	first := try("orders.created", `{"a": 1}`, `{"idempotency_key": "k"}`)
	require.NotNil(t, first.EventID)
	require.Equal(t, map[string]int{"events": 1, "receipts": 3, "river_job": 3}, added(before, b.counts()))
	again := try("orders.created", `{"a": 1}`, `{"idempotency_key": "k"}`)
	require.Equal(t, answer{EventID: first.EventID, Duplicate: true}, again)
	require.Equal(t, answer{EventID: first.EventID, Conflict: true}, try("orders.created", `{"a": 2}`, `{"idempotency_key": "k"}`))
	require.Equal(t, map[string]int{"events": 1, "receipts": 3, "river_job": 3, "emit_failures": 1}, added(before, b.counts()))
	require.Equal(t, "CN002", read[string](b, "SELECT sqlstate FROM carillon.emit_failures ORDER BY id DESC LIMIT 1"))
}

const sqlTrigger = `
CREATE TRIGGER told AFTER INSERT OR UPDATE ON shop FOR EACH ROW
EXECUTE FUNCTION carillon.emit_row('orders.created', '%s', '["id", "user_id"]', 'id', 'tenant')`

func TestATriggerEmitsForPlainInsertsAndUpdates(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"try", "strict"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			b, _ := setup(t)
			b.publish()
			b.exec(sqlShop)
			b.exec(fmt.Sprintf(sqlTrigger, mode))
			before := b.counts()
			b.exec("INSERT INTO shop VALUES ('A7', 'ann', 'x', 'acme', 's3cret'), ('B8', NULL, 'x', NULL, 's3cret')")
			b.exec("UPDATE shop SET user_id = 'bob' WHERE id = 'A7'")
			require.Equal(t, map[string]int{"events": 3, "receipts": 9, "river_job": 9}, added(before, b.counts()))
			require.ElementsMatch(t, []string{
				`orders A7 acme {"id": "A7", "user_id": "ann"}`, `orders B8  {"id": "B8", "user_id": null}`, `orders A7 acme {"id": "A7", "user_id": "bob"}`,
			}, list[string](b, "SELECT resource_type || ' ' || resource_id || ' ' || tenant || ' ' || data::text FROM carillon.events"),
				"the named columns, and no others")
		})
	}
}

func TestATriggerThatTriesSparesTheInsert(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	b.exec(sqlShop)
	b.exec(fmt.Sprintf(sqlTrigger, "try"))
	b.exec("INSERT INTO shop VALUES ('A7', 'ann')")
	require.Equal(t, 1, read[int](b, "SELECT count(*) FROM shop"))
	require.Equal(t, "CN001", read[string](b, "SELECT sqlstate FROM carillon.emit_failures"))
	b.publish()
	b.exec("UPDATE shop SET tenant = repeat('x', 300)")
	require.Equal(t, []string{"CN001", "CN003"}, list[string](b, "SELECT sqlstate FROM carillon.emit_failures ORDER BY id"))
	require.Zero(t, read[int](b, "SELECT count(*) FROM carillon.events"))
}

func TestAStrictTriggerFailsTheInsert(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	b.exec(sqlShop)
	b.exec(fmt.Sprintf(sqlTrigger, "strict"))
	requireCode(t, attempt(t, tx, "INSERT INTO shop VALUES ('A7', 'ann')"), "CN001")
	require.Zero(t, read[int](b, "SELECT count(*) FROM shop"))
	require.Zero(t, read[int](b, "SELECT count(*) FROM carillon.emit_failures"))
}

// A trigger that returns nothing before the row is written would swallow the customer's insert without a word.
func TestATriggerThatIsNotAfterEachRowIsRefused(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	b.publish()
	for _, when := range []string{"BEFORE INSERT ON shop FOR EACH ROW", "AFTER INSERT ON shop FOR EACH STATEMENT", "AFTER DELETE ON shop FOR EACH ROW"} {
		err := pgx.BeginFunc(b.ctx(), tx, func(tx pgx.Tx) error {
			_, err := tx.Exec(b.ctx(), sqlShop+`; CREATE TRIGGER told `+when+`
				EXECUTE FUNCTION carillon.emit_row('orders.created', 'try', '["id"]', 'id', '');
				INSERT INTO shop VALUES ('A7', 'ann'); DELETE FROM shop`)
			return err
		})
		requireCode(t, err, "39P01")
	}
}

func TestAnApplicationsRoleCanEmitAndNothingElse(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	b.publish()
	role := newRole(t, tx)
	b.exec("GRANT USAGE ON SCHEMA carillon TO " + role)
	b.exec("GRANT EXECUTE ON FUNCTION carillon.emit(text, jsonb, jsonb) TO " + role)
	relations := list[string](b, "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'carillon'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')")
	require.Contains(t, relations, "carillon.receipts")
	sequences := list[string](b, "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'carillon'::regnamespace AND relkind = 'S'")
	require.NotEmpty(t, sequences)
	functions := list[string](b, `SELECT oid::regprocedure::text FROM pg_proc
		WHERE pronamespace = 'carillon'::regnamespace AND oid <> 'carillon.emit(text, jsonb, jsonb)'::regprocedure`)
	require.Contains(t, functions, "carillon.emit_event(text,jsonb,jsonb,jsonb)")

	b.exec("SET LOCAL ROLE " + role)
	id := read[uuid.UUID](b, `SELECT event_id FROM carillon.emit('orders.created', '{"id": "A7"}')`)
	for _, relation := range relations {
		for _, sql := range []string{"SELECT count(*) FROM %s", "INSERT INTO %s DEFAULT VALUES", "DELETE FROM %s", "TRUNCATE %s", "LOCK TABLE %s IN SHARE MODE"} {
			requireCode(t, attempt(t, tx, fmt.Sprintf(sql, relation)), "42501")
		}
	}
	for _, sequence := range sequences {
		requireCode(t, attempt(t, tx, "SELECT nextval('"+sequence+"')"), "42501")
	}
	for _, function := range functions {
		require.False(t, read[bool](b, "SELECT has_function_privilege($1, 'EXECUTE')", function), function)
	}
	requireCode(t, attempt(t, tx, "CREATE TABLE carillon.mine ()"), "42501")
	b.exec("RESET ROLE")
	require.Len(t, b.receipts(id), 3)
}

func TestAHostileSearchPathChangesNothing(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	b.publish()
	role := newRole(t, tx)
	b.exec("GRANT USAGE ON SCHEMA carillon TO " + role)
	b.exec("GRANT EXECUTE ON FUNCTION carillon.emit(text, jsonb, jsonb), carillon.try_emit(text, jsonb, jsonb) TO " + role)
	b.exec("CREATE SCHEMA evil AUTHORIZATION " + role)
	b.exec("SET LOCAL ROLE " + role)
	for _, sql := range []string{
		"CREATE FUNCTION evil.trap() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$",
		"CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT evil.trap()'",
		"CREATE FUNCTION evil.coalesce(jsonb, jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$",
		"CREATE FUNCTION evil.join(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$",
		"CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$",
		"CREATE OPERATOR evil.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.join)",
		"CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same)",
		"CREATE TABLE evil.declarations (event text, channels jsonb, resource_type text)",
		"CREATE TABLE evil.events (id int)",
		"CREATE TEMP TABLE events (id int)",
		"CREATE TEMP TABLE receipts (id int)",
		"CREATE TEMP TABLE declarations (event text, channels jsonb, resource_type text)",
		"CREATE TEMP TABLE river_job (id int)",
		"CREATE TYPE evil.jsonb AS (a int)",
		"SET LOCAL search_path = evil, pg_temp, pg_catalog",
		"CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT evil.trap()'",
	} {
		b.exec(sql)
	}
	for _, function := range []string{"emit", "try_emit"} {
		id := read[*uuid.UUID](b, "SELECT event_id FROM carillon."+function+`('orders.created', pg_catalog.jsonb_build_object('id', 'A7'))`)
		require.NotNil(t, id)
		b.exec("RESET ROLE; SET LOCAL search_path = public")
		require.Len(t, b.receipts(*id), 3)
		require.Zero(t, read[int](b, "SELECT count(*) FROM carillon.emit_failures"))
		b.exec("SET LOCAL ROLE " + role + "; SET LOCAL search_path = evil, pg_temp, pg_catalog")
	}
}

func TestNobodyMayExecuteAFunctionUnlessTold(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	require.Empty(t, list[string](b, `SELECT p.oid::regprocedure::text
		FROM pg_proc p, LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
		WHERE p.pronamespace = 'carillon'::regnamespace AND a.grantee = 0 AND a.privilege_type = 'EXECUTE'`))
	require.NotZero(t, read[int](b, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'carillon'::regnamespace AND proname LIKE 'river%'"))
	require.False(t, read[bool](b, `SELECT EXISTS (SELECT 1 FROM pg_namespace n, LATERAL aclexplode(n.nspacl) a
		WHERE n.nspname = 'carillon' AND a.grantee = 0)`), "nor look into the schema")
}

// Every function that runs with its owner's rights must not look anything up where its caller can put something.
func TestFunctionsWithTheirOwnersRightsPinTheSearchPath(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	require.ElementsMatch(t, []string{"emit", "emit_event", "emit_row", "try_emit"}, list[string](b, `SELECT proname::text FROM pg_proc
		WHERE pronamespace = 'carillon'::regnamespace AND prosecdef AND 'search_path=pg_catalog, pg_temp' = ANY(proconfig)`))
	require.Equal(t, 4, read[int](b, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'carillon'::regnamespace AND prosecdef"))
}
