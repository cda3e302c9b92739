package dispatchtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/transports"
)

type Hello struct {
	To string `json:"to"`
}

var Hellos = dispatch.Resource[Hello]{
	Name:      "hellos",
	Audiences: map[string]dispatch.Audience{"guest": dispatch.Person(func(h Hello) string { return h.To })},
	Events: []dispatch.Event[Hello]{{
		Name:     "said",
		Channels: []dispatch.Channel{{Transport: transports.InApp, Audience: "guest"}},
		Content:  dispatch.Content{Title: "Hello", Message: "Hello {{ to }}, nice to see you."},
	}},
}

func TestHello(t *testing.T) {
	t.Parallel()
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{Hellos}})
	require.NoError(t, err)
	tx := dispatchtest.Tx(t)
	kit := dispatchtest.New(t, tx, d)
	said, err := dispatch.For(d, Hellos).EmitTx(t.Context(), tx, "said", Hello{To: "grace"}, nil)
	require.NoError(t, err)
	kit.Deliver()
	require.Equal(t, []string{"in_app.guest to grace: sent(accepted)"}, kit.Outcomes(said.EventID))
	require.Equal(t, "Hello grace, nice to see you.", kit.Sent(transports.InApp)[0].Content.Message)
}
