package preferences_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/preferences"
)

func TestAChoiceIsStoredAndReplaced(t *testing.T) {
	t.Parallel()
	tx, ann := dbtest.Tx(t), uuid.NewString()
	for _, choice := range []preferences.Choice{preferences.Off, preferences.On} {
		require.NoError(t, preferences.Set(t.Context(), tx, preferences.Preference{
			Tenant: "acme", Person: ann, Category: "orders", Choice: choice, UpdatedBy: "ann",
		}))
		list, err := preferences.List(t.Context(), tx, "acme", ann)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.False(t, list[0].UpdatedAt.IsZero())
		list[0].UpdatedAt = list[0].UpdatedAt.Truncate(0)
		require.Equal(t, preferences.Preference{
			Tenant: "acme", Person: ann, Category: "orders", Transport: preferences.Every, Choice: choice,
			UpdatedBy: "ann", UpdatedAt: list[0].UpdatedAt,
		}, list[0])
	}
}

func TestWhatIsNoChoiceIsRefused(t *testing.T) {
	t.Parallel()
	tx := dbtest.Tx(t)
	require.ErrorContains(t, preferences.Set(t.Context(), tx, preferences.Preference{Choice: preferences.Off}), "person is empty")
	require.ErrorContains(t, preferences.Set(t.Context(), tx, preferences.Preference{Person: "ann", Choice: "maybe"}), `"maybe" (one of on, off)`)
}

func TestTheMostSpecificRowDecidesForEachQuestion(t *testing.T) {
	t.Parallel()
	tx, ann, bob := dbtest.Tx(t), uuid.NewString(), uuid.NewString()
	for _, p := range []preferences.Preference{
		{Person: ann, Choice: preferences.Off},
		{Person: ann, Transport: "email", Choice: preferences.On},
		{Person: ann, Category: "orders", Choice: preferences.Off},
		{Person: ann, Category: "orders", Transport: "email", Choice: preferences.On},
	} {
		require.NoError(t, preferences.Set(t.Context(), tx, p))
	}
	answers, err := preferences.Deciding(t.Context(), tx, []preferences.Question{
		{Person: ann, Category: "orders", Transport: "email"},
		{Person: bob, Category: "orders", Transport: "email"},
		{Person: ann, Category: "orders", Transport: "in_app"},
		{Person: ann, Category: "news", Transport: "email"},
		{Person: ann, Category: "news", Transport: "in_app"},
		{Tenant: "acme", Person: ann, Category: "orders", Transport: "email"},
		{Person: ann, Transport: "in_app"},
	})
	require.NoError(t, err)
	var rows []string
	for _, a := range answers {
		if a == nil {
			rows = append(rows, "none")
			continue
		}
		rows = append(rows, a.Category+" "+a.Transport+" "+string(a.Choice))
	}
	require.Equal(t, []string{"orders email on", "none", "orders * off", "* email on", "* * off", "none", "* * off"}, rows)
	none, err := preferences.Deciding(t.Context(), tx, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}
