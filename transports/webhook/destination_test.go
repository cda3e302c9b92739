package webhook_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
)

func TestEachEndpointIsADestinationOfItsOwn(t *testing.T) {
	t.Parallel()
	tr, err := webhook.New(local())
	require.NoError(t, err)
	to := func(id uuid.UUID, url string) transports.Destination {
		return tr.Destination(transports.Message{Target: &endpoints.Target{ID: id, URL: url}})
	}
	one, two := uuid.New(), uuid.New()
	const url = "https://hooks.example.com/a?token=secret"
	require.Equal(t, transports.Destination{Account: one.String(), Host: "hooks.example.com"}, to(one, url))
	require.NotEqual(t, to(one, url), to(two, url))
	fixed := transports.Message{Recipient: transports.Recipient{Address: url}}
	require.NotContains(t, tr.Destination(fixed).Host, "secret")
	require.Empty(t, tr.Destination(transports.Message{}), "what cannot be sent needs none")
}
