package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/dispatch/delivery"
)

func TestDeliveryArrives(t *testing.T) {
	t.Parallel()
	source := `
delivery:
  mode: ${MODE}
  redirect: { email: dev@example.com }
  allow: { email: [example.com, ann@shop.example] }
  capture: ./outbox
`
	env := func(name string) (string, bool) { return "redirect", name == "MODE" }
	file, err := config.Parse("c.yaml", []byte(source), two(), env)
	require.NoError(t, err)
	require.Equal(t, &delivery.Config{
		Mode: delivery.Redirect, Redirect: map[string]string{"email": "dev@example.com"},
		Allow: map[string][]string{"email": {"example.com", "ann@shop.example"}}, Capture: "./outbox",
	}, file.Delivery)
	require.Nil(t, parse(t, "").Delivery)
}

func TestDeliveryIsRefusedAtItsPlace(t *testing.T) {
	t.Parallel()
	for source, want := range map[string][]string{
		`{ redirect: { email: a@example.com } }`:       {"1:1: delivery: needs a mode (live, redirect or capture)"},
		`{ mode: test }`:                               {`1:19: delivery.mode: unknown mode "test" (one of live, redirect, capture)`},
		`{ mode: redirect }`:                           {`delivery.redirect: mode redirect needs an address`},
		`{ mode: live, redirect: { emial: a@b.com } }`: {`delivery.redirect.emial: unknown transport (did you mean email?`},
		`{ mode: live, redirect: { email: dev } }`:     {`delivery.redirect.email: is no email address`},
		`{ mode: live, redirect: { in_app: ann } }`:    {`delivery.redirect.in_app: transport in_app stays in the house`},
		`{ mode: live, allow: { emial: [a] } }`:        {`delivery.allow.emial: unknown transport`},
		`{ mode: live, allow: { email: [a, ""] } }`:    {`delivery.allow.email[1]: the entry is empty`},
	} {
		found := problems(t, "delivery: "+source+"\n", two())
		require.Len(t, found, len(want), "%s: %v", source, found)
		require.Contains(t, found[0], want[0], source)
	}
}
