package pipeline_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// guarded is a transport that knows of each address whether it is open, and whose bytes have a limit.
type guarded struct{ *transporttest.Fake }

func (guarded) Targets(_ context.Context, _ transports.Querier, _ time.Time, ms []transports.Message) ([]transports.Target, error) {
	targets := make([]transports.Target, len(ms))
	for i, m := range ms {
		switch m.Recipient.Address {
		case "bob@example.com":
			targets[i].Off = "closed by its owner"
		case "dora@example.com":
			targets[i].Err = transports.Errorf(transports.Configuration, "its key cannot be read")
		}
	}
	return targets, nil
}

func (guarded) Report(context.Context, transports.Querier, time.Time, []transports.Outcome) ([]transports.Notice, error) {
	return nil, errors.New("a plan has nothing to report")
}

func (guarded) Encode(m transports.Message) ([]byte, error) {
	if m.Recipient.ID == "ella" {
		return nil, transports.Errorf(transports.Permanent, "it is too large")
	}
	return []byte("for " + m.Recipient.Address), nil
}

func TestAPlanAsksTransportsWhereMessagesGo(t *testing.T) {
	t.Parallel()
	r := resource(nil, emailTo("others"))
	p := setupPlans(t, r)
	require.NoError(t, people.Set(t.Context(), p.pool, "", people.Person{ID: "ella", Email: "ella@example.com"}))
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{r}, Categories: []dispatch.Category{{Name: "orders"}},
	})
	require.NoError(t, err)
	fake := transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(context.Context, transports.Message) (transports.Result, error) {
			t.Error("a plan sent something")
			return transports.Result{}, nil
		},
	})
	p.Planner, err = pipeline.NewPlanner(d, &pipeline.PlannerConfig{
		Transports: []transports.Transport{guarded{fake}}, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	plan := p.plan(t, numbered("", "ann", "bob", "dora", "ella"), nil)
	require.Len(t, plan.Recipients, 4)
	ann, bob, dora, ella := plan.Recipients[0], plan.Recipients[1], plan.Recipients[2], plan.Recipients[3]
	require.Equal(t, pipeline.PlanSend, ann.Outcome)
	require.Equal(t, "for ann@example.com", ann.Body.Payload)
	require.Equal(t, pipeline.PlanSkip, bob.Outcome)
	require.Equal(t, receipts.SwitchedOff, bob.Reason)
	require.Equal(t, "closed by its owner", bob.Detail)
	require.Equal(t, pipeline.PlanRetry, dora.Outcome)
	require.Contains(t, dora.Detail, "its key cannot be read")
	require.Equal(t, pipeline.PlanFail, ella.Outcome)
	require.Contains(t, ella.Detail, "it is too large")
}
