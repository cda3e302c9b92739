package people_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/internal/dbtest"
)

func TestTheTableFindsPeopleOfTheirTenant(t *testing.T) {
	t.Parallel()
	tx, id := dbtest.Tx(t), uuid.NewString()
	want := people.Person{ID: id, Name: "Ann", Email: "ann@example.com", Phone: "+4930123456", Locale: "de", Timezone: "Europe/Berlin"}
	require.NoError(t, people.Set(t.Context(), tx, "acme", want))
	found, err := people.Table{}.Find(t.Context(), tx, "acme", []string{id, "nobody"})
	require.NoError(t, err)
	require.Equal(t, map[string]people.Person{id: want}, found)
	found, err = people.Table{}.Find(t.Context(), tx, "other", []string{id})
	require.NoError(t, err)
	require.Empty(t, found)
	require.ErrorContains(t, people.Set(t.Context(), tx, "", people.Person{}), "id is empty")
}

func TestSQLReadsIdsOfAnyType(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	_, err := tx.Exec(t.Context(), `
		CREATE TEMP TABLE by_number (id bigint, email text, name text) ON COMMIT DROP;
		INSERT INTO by_number VALUES (1, 'ann@example.com', NULL), (2, NULL, 'Bob');
		CREATE TEMP TABLE by_uuid (id uuid, tenant text, email varchar(80)) ON COMMIT DROP;
		INSERT INTO by_uuid VALUES ('01890000-0000-7000-8000-000000000001', 'acme', 'cleo@example.com')`)
	require.NoError(t, err)
	for _, test := range []struct {
		query, tenant string
		ids           []string
		want          map[string]people.Person
	}{
		{
			`SELECT id, name, email FROM by_number WHERE id::text = ANY($1::text[])`, "",
			[]string{"1", "2", "3"},
			map[string]people.Person{"1": {ID: "1", Email: "ann@example.com"}, "2": {ID: "2", Name: "Bob"}},
		},
		{
			`SELECT id, email FROM by_uuid WHERE id::text = ANY($1::text[]) AND tenant = $2`, "acme",
			[]string{"01890000-0000-7000-8000-000000000001"},
			map[string]people.Person{"01890000-0000-7000-8000-000000000001": {ID: "01890000-0000-7000-8000-000000000001", Email: "cleo@example.com"}},
		},
	} {
		found, err := people.SQL{Query: test.query}.Find(t.Context(), tx, test.tenant, test.ids)
		require.NoError(t, err)
		require.Equal(t, test.want, found)
	}
}

func TestSQLRefusesColumnsThatItWouldIgnore(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	_, err := people.SQL{Query: `SELECT 'x' AS id, 'y' AS mail WHERE 'x' = ANY($1::text[])`}.Find(t.Context(), tx, "", []string{"x"})
	require.ErrorContains(t, err, `"mail" (columns are id, name, email, phone, locale, timezone)`)
	_, err = people.SQL{Query: `SELECT NULL AS id WHERE 'x' = ANY($1::text[])`}.Find(t.Context(), tx, "", []string{"x"})
	require.ErrorContains(t, err, "without id")
}

func TestFuncIsADirectory(t *testing.T) {
	t.Parallel()
	f := people.Func(func(_ context.Context, tenant string, ids []string) (map[string]people.Person, error) {
		return map[string]people.Person{ids[0]: {ID: ids[0], Name: tenant}}, nil
	})
	found, err := f.Find(t.Context(), nil, "acme", []string{"1"})
	require.NoError(t, err)
	require.Equal(t, map[string]people.Person{"1": {ID: "1", Name: "acme"}}, found)
}
