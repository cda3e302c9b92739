package people_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/internal/dbtest"
)

func TestUpdateKeepsWhatIsNotGiven(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	tx := dbtest.Tx(t)
	text := func(s string) *string { return &s }

	p, err := people.Update(ctx, tx, "update", "ada", people.Change{Name: text("Ada"), Email: text("ada@example.com")})
	require.NoError(t, err)
	require.Equal(t, &people.Person{ID: "ada", Name: "Ada", Email: "ada@example.com"}, p)

	p, err = people.Update(ctx, tx, "update", "ada", people.Change{Email: text(""), Phone: text("+4930123456"), Timezone: text("UTC")})
	require.NoError(t, err)
	require.Equal(t, &people.Person{ID: "ada", Name: "Ada", Phone: "+4930123456", Timezone: "UTC"}, p)

	p, err = people.Update(ctx, tx, "update", "ada", people.Change{})
	require.NoError(t, err)
	found, err := people.Table{}.Find(ctx, tx, "update", []string{"ada"})
	require.NoError(t, err)
	require.Equal(t, *p, found["ada"])
}

func TestUpdateRefusesWhatReachesNobody(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	for field, c := range map[string]people.Change{
		"email":    {Email: text("Ada <ada@example.com>")},
		"phone":    {Phone: text("030 123")},
		"locale":   {Locale: text("en_GB")},
		"timezone": {Timezone: text("Local")},
	} {
		_, err := people.Update(context.Background(), nil, "", "ada", c)
		var invalid *people.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, field, invalid.Field)
	}
	_, err := people.Update(context.Background(), nil, "", "", people.Change{})
	require.ErrorContains(t, err, "person: id is empty")
}
