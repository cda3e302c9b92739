package dispatch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// statements counts what a connection is asked.
type statements struct{ n int }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.n++
	return ctx
}

func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestArgumentsOutOfTheirLimitsAreRefusedBeforeAnyStatement(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig(dbtest.DSN(t))
	require.NoError(t, err)
	asked := &statements{}
	config.ConnConfig.Tracer = asked
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	b := over(t, pool)
	before := b.counts()
	long := strings.Repeat("x", dispatch.MaxName+1)
	for _, tt := range []struct {
		name, field string
		payload     order
		opts        dispatch.EmitOpts
	}{
		{"TenantTooLong", "tenant", a7, dispatch.EmitOpts{Tenant: long}},
		{"ActorTooLong", "actor", a7, dispatch.EmitOpts{Actor: long}},
		{"KeyTooLong", "idempotency_key", a7, dispatch.EmitOpts{IdempotencyKey: long}},
		{"ResourceTypeTooLong", "resource_type", a7, dispatch.EmitOpts{ResourceType: long}},
		{"ResourceIDTooLong", "resource_id", a7, dispatch.EmitOpts{ResourceID: long}},
		{"ResourceIDOfKeyFuncTooLong", "resource_id", order{ID: long}, dispatch.EmitOpts{}},
		{"TraceTooLong", "trace", a7, dispatch.EmitOpts{Trace: long}},
		{"BytesCount", "actor", a7, dispatch.EmitOpts{Actor: strings.Repeat("ü", 128)}},
		{"TenantWithNUL", "tenant", a7, dispatch.EmitOpts{Tenant: "a\x00b"}},
		{"ActorWithNUL", "actor", a7, dispatch.EmitOpts{Actor: "\x00"}},
		{"KeyNotUTF8", "idempotency_key", a7, dispatch.EmitOpts{IdempotencyKey: "a\xff"}},
		{"TraceNotUTF8", "trace", a7, dispatch.EmitOpts{Trace: "\xc3"}},
		{"AtBeforeTheYear1", "at", a7, dispatch.EmitOpts{At: time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC)}},
		{"AtAfterTheYear9996", "at", a7, dispatch.EmitOpts{At: time.Date(9997, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{"AtAfterTheYear9996InUTC", "at", a7, dispatch.EmitOpts{At: time.Date(9996, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))}},
		{"PriorityUnknown", "priority", a7, dispatch.EmitOpts{Priority: 4}},
		{"PriorityNegative", "priority", a7, dispatch.EmitOpts{Priority: -1}},
		{"PayloadTooLarge", "payload", order{Note: strings.Repeat("x", dispatch.MaxData)}, dispatch.EmitOpts{}},
		{"PayloadWithNUL", "payload", order{Note: "a\x00"}, dispatch.EmitOpts{}},
	} {
		for _, savepoint := range []bool{false, true} {
			tx, err := pool.Begin(t.Context())
			require.NoError(t, err)
			t.Cleanup(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
			asked.n = 0
			tt.opts.Savepoint = savepoint
			_, err = b.orders.EmitTx(t.Context(), tx, "created", tt.payload, &tt.opts)
			var invalid *dispatch.InvalidError
			require.ErrorAs(t, err, &invalid, tt.name)
			require.Equal(t, tt.field, invalid.Field, tt.name)
			require.NotContains(t, err.Error(), long, tt.name)
			require.Zero(t, asked.n, tt.name)
			_, err = b.orders.TriggerTx(t.Context(), tx, checkout, tt.payload, &tt.opts)
			require.ErrorAs(t, err, &invalid, tt.name)
			require.Zero(t, asked.n, tt.name)
			require.NoError(t, tx.Commit(t.Context()), "the transaction is usable")
		}
	}
	require.Equal(t, before, b.counts())
}

func TestArgumentsAtTheirLimitsAreTaken(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	longest := strings.Repeat("x", dispatch.MaxName)
	for name, opts := range map[string]dispatch.EmitOpts{
		"Longest": {
			Tenant: longest, Actor: longest, IdempotencyKey: longest, ResourceType: longest, ResourceID: longest, Trace: longest,
		},
		"FirstTime": {At: time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC)},
		"LastTime":  {At: time.Date(9996, 12, 31, 23, 59, 59, 999_999_999, time.UTC)},
		"Odd":       {Tenant: `"'\;--`, IdempotencyKey: "\u2028\t\n", Actor: "𝄞"},
	} {
		emitted, err := b.tryEmit("created", a7, &opts)
		require.NoError(t, err, name)
		require.Len(t, b.receipts(emitted.EventID), 3, name)
	}
}

// What is added to the last time can still be read and shown.
func TestTheLastTimeWithTheLongestDelayIsWrittenAsJSON(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	r := orders()
	r.Events = r.Events[:1]
	r.Events[0].ExpiresAfter = 366 * 24 * time.Hour
	for i := range r.Events[0].Channels {
		r.Events[0].Channels[i].Delay = 366 * 24 * time.Hour
	}
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}, Transports: []transports.Spec{gongs()}})
	require.NoError(t, err)
	emitted, err := dispatch.For(d, r).EmitTx(t.Context(), tx, r.Events[0].Name, a7, &dispatch.EmitOpts{
		At: time.Date(9996, 12, 31, 23, 59, 59, 0, time.UTC),
	})
	require.NoError(t, err)
	list, err := receipts.New(nil).OfEvent(t.Context(), tx, emitted.EventID)
	require.NoError(t, err)
	for _, receipt := range list {
		require.Equal(t, 9999, receipt.ExpiresAt.Year())
	}
	_, err = json.Marshal(list)
	require.NoError(t, err)
}

// The keys of an action's events end in their names, of which one may be too long where another fits.
func TestAllEventsOfAnActionAreCheckedBeforeTheFirstIsEmitted(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	before := b.counts()
	resource := orders()
	resource.Events[1].Name = "billed_and_paid"
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{resource}, Transports: []transports.Spec{gongs()}})
	require.NoError(t, err)
	keys := &dispatch.EmitOpts{IdempotencyKey: strings.Repeat("x", dispatch.MaxName-len("/orders.created"))}
	_, err = dispatch.For(d, resource).TriggerTx(t.Context(), tx, checkout, a7, keys)
	var invalid *dispatch.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, "idempotency_key", invalid.Field)
	require.Equal(t, before, b.counts())
	_, err = b.orders.TriggerTx(t.Context(), tx, checkout, a7, keys)
	require.NoError(t, err)
}

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errors.New("no: secret") }

func TestPayloadsThatAreNoObjectsAreRefused(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"Nothing": ``, "Null": `null`, "List": `[]`, "String": `"{}"`, "Number": `1`, "Broken": `{`, "Two": `{}{}`,
		"NotUTF8": "{\"a\": \"\xff\"}", "NULInAKey": `{"\u0000": 1}`, "NULInAValue": `{"a": ["\\\u0000"]}`,
		"HalfASurrogate": `{"a": "\ud834"}`, "SurrogatesReversed": `{"a": "\udd1e\ud834"}`, "SurrogateThenText": `{"a": "\ud834x"}`,
		"LowSurrogateInAKey": `{"\uDD1E": 1}`,
		"NumberTooLarge":     `{"a": 1e131072}`, "NumberFarTooLarge": `{"a": -1.5E+99999999999999999999}`, "NumberTooSmall": `{"a": 1e-99999}`,
		"TooDeep": `{"a": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
	} {
		_, err := dispatch.EmitPublishedTx(t.Context(), untouched{}, "orders.created", json.RawMessage(data), nil)
		var invalid *dispatch.InvalidError
		require.ErrorAs(t, err, &invalid, name)
		require.Equal(t, "payload", invalid.Field, name)
	}
	resource := dispatch.Resource[dispatch.Data]{
		Name:      "things",
		Audiences: map[string]dispatch.Audience{"user": dispatch.Field("user_id")},
		Events: []dispatch.Event[dispatch.Data]{{
			Name: "made", Channels: []dispatch.Channel{{Transport: "email", Audience: "user"}},
			Content: dispatch.Content{Subject: "Made", Text: "Made."},
		}},
	}
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{resource}})
	require.NoError(t, err)
	for name, data := range map[string]dispatch.Data{
		"Nil": nil, "NaN": {"a": math.NaN()}, "Function": {"a": func() {}}, "Failing": {"a": failing{}},
	} {
		_, err := dispatch.For(d, resource).EmitTx(t.Context(), untouched{}, "made", data, nil)
		var invalid *dispatch.InvalidError
		require.ErrorAs(t, err, &invalid, name)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestNamesThatCannotBePublishedAreRefusedBeforeAnyStatement(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "a\x00b", "a\xff", strings.Repeat("x", dispatch.MaxName+1)} {
		_, err := dispatch.EmitPublishedTx(t.Context(), untouched{}, name, json.RawMessage(`{}`), nil)
		var invalid *dispatch.InvalidError
		require.ErrorAs(t, err, &invalid, "%q", name)
		require.Equal(t, "event", invalid.Field)
	}
}

// Whatever passes the check must be what the database takes: a refusal there would end the caller's transaction.
func TestWhatPassesTheCheckIsStored(t *testing.T) {
	t.Parallel()
	b, tx := setup(t)
	b.publish()
	emit := func(data string) (refused bool) {
		emitted, err := dispatch.EmitPublishedTx(b.ctx(), tx, "orders.created", json.RawMessage(data), nil)
		var invalid *dispatch.InvalidError
		if errors.As(err, &invalid) {
			return true
		}
		require.NoError(t, err)
		require.True(t, read[bool](b, "SELECT data = $2::jsonb FROM carillon.events WHERE id = $1", emitted.EventID, data))
		return false
	}
	fill := func(head, part, tail string, room int) string {
		n := (dispatch.MaxData - room - len(head) - len(tail)) / len(part)
		return head + strings.Repeat(part, n) + tail
	}
	for name, data := range map[string]string{
		"DigitsOfAList":   fill(`{"a": [1`, `,1`, `]}`, 0),
		"Objects":         fill(`{"a": [{}`, `,{"a":1}`, `]}`, 0),
		"Exponents":       fill(`{"a": [1`, `,1e308`, `]}`, 200_000),
		"TinyExponents":   fill(`{"a": [1`, `,5e-324`, `]}`, 200_000),
		"OneExponent":     `{"a": 1.7976931348623157e+308, "b": 4.9406564584124654e-324}`,
		"LongNumber":      fill(`{"a": 1`, `1`, `}`, 200_000),
		"LongString":      fill(`{"a": "`, `x`, `"}`, 1),
		"EscapedString":   fill(`{"a": "`, `\u003c`, `"}`, 0),
		"Deep":            `{"a": ` + strings.Repeat("[", 900) + strings.Repeat("]", 900) + `}`,
		"Surrogates":      `{"a": "\ud834\udd1e\uD834\uDD1E", "\ud834\udd1e": "𝄞"}`,
		"EscapedNothing":  `{"a": "\\u0000 \\\\u0000 \"\\ud834"}`,
		"PunctuationText": `{"a": "` + strings.Repeat(`,:{[1e5`, 30_000) + `"}`,
		"WordsWithE":      `{"true": true, "false": false, "e": null, "1e999999": "1e999999"}`,
		"Duplicates":      `{"a": 1, "a": 2}`,
		"Blanks":          "\t{ \"a\" :\n1 }\r\n",
	} {
		refused := emit(data)
		switch name {
		case "DigitsOfAList", "Objects", "Exponents", "TinyExponents":
			require.True(t, refused, "%s: larger than the limit as it is stored", name)
		default:
			require.False(t, refused, name)
		}
	}
	token := rapid.SampledFrom([]string{
		`{}`, `[]`, `1`, `-0.0`, `1e5`, `2E-7`, `1e400`, `1e-400`, `3e131071`, `true`, `null`, `"e"`, `"\\"`, `"\ud834\udd1e"`,
		`"\ud834"`, `"\udd1e"`, `"\u0000"`, `"\\u0000"`, `"\\\u0000"`, `"ü"`, "\"\xff\"", `"\ud834\ud834\udd1e"`, `"a\"b,:"`, `{"a":[1,{"b":2e3}]}`,
	})
	outer := b.db
	rapid.Check(t, func(rt *rapid.T) {
		var err error
		tx, err = outer.Begin(b.ctx())
		require.NoError(rt, err)
		b.db = tx
		var parts []string
		for i, v := range rapid.SliceOfN(token, 0, 6).Draw(rt, "values") {
			parts = append(parts, fmt.Sprintf(`"k%d":%s`, i, v))
		}
		data := "{" + strings.Join(parts, ",") + "}"
		refused := emit(data)
		if refused {
			_, err := tx.Exec(b.ctx(), "SELECT length($1::text::jsonb::text)", data)
			stored := err == nil
			require.True(rt, !stored || strings.Contains(data, "e131071") || strings.Contains(data, "e400") || strings.Contains(data, "e-400"),
				"refused without need: %s", data)
		}
		require.NoError(rt, tx.Rollback(b.ctx()))
	})
}
