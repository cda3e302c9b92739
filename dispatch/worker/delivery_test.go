package worker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/broadcast"
)

// TestOptionDelivery looks that the worker checks it; that it holds is seen in dispatch/pipeline.
func TestOptionDelivery(t *testing.T) {
	t.Parallel()
	r := dispatch.Resource[dispatch.Data]{
		Name:      "tickets",
		Audiences: map[string]dispatch.Audience{"square": dispatch.Fixed(transports.Broadcast, "the square")},
		Events: []dispatch.Event[dispatch.Data]{{
			Name: "opened", Channels: []dispatch.Channel{{Transport: transports.Broadcast, Audience: "square"}},
		}},
	}
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}})
	require.NoError(t, err)
	_, err = worker.New(dbtest.Pool(t), d, &worker.Config{
		Transports: []transports.Transport{broadcast.New()}, Delivery: &delivery.Config{Mode: "test"},
	})
	require.ErrorContains(t, err, `Config.Delivery: mode: unknown mode "test"`)
	require.ErrorContains(t, err, "event tickets.opened, channel broadcast.square: the fixed address has a blank or a control character")
}
