package sms_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/internal/twiliosink"
	"github.com/carillon-notify/carillon/transports"
)

type order struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
}

// TestWhatBecomesOfReceipts sends to people with and without a number, and loses an answer.
func TestWhatBecomesOfReceipts(t *testing.T) {
	t.Parallel()
	var trouble atomic.Pointer[twiliosink.Answer]
	transport, sink := setup(t, &twiliosink.Config{AnswerFunc: func(twiliosink.Message) *twiliosink.Answer { return trouble.Load() }}, nil)
	resource := dispatch.Resource[order]{
		Name: "orders", KeyFunc: func(o order) string { return o.ID },
		Audiences: map[string]dispatch.Audience{"user": dispatch.Person(func(o order) string { return o.UserID })},
		Events: []dispatch.Event[order]{
			{
				Name: "shipped", Channels: []dispatch.Channel{{Transport: transports.SMS, Audience: "user"}},
				Content: dispatch.Content{Message: "Order {{ id }} is on its way"},
			},
			{
				Name: "code", Channels: []dispatch.Channel{{Transport: transports.SMS, Audience: "user", OnUnknown: transports.Resend}},
				Content: dispatch.Content{Message: "Your code is {{ id }}"},
			},
		},
	}
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{resource},
	})
	require.NoError(t, err)
	tx := dispatchtest.Tx(t)
	kit := dispatchtest.New(t, tx, d, transport)
	kit.People("", people.Person{ID: "ann", Phone: phone}, people.Person{ID: "bob", Email: "bob@example.com"}, people.Person{ID: "eve", Phone: "015112345678"})
	outcome := func(event, user string) []string {
		emitted, err := dispatch.For(d, resource).EmitTx(t.Context(), tx, event, order{ID: "A7", UserID: user}, nil)
		require.NoError(t, err)
		kit.Deliver()
		kit.Advance(time.Minute)
		kit.Deliver()
		return kit.Outcomes(emitted.EventID)
	}
	require.Equal(t, []string{"sms.user to ann: sent(accepted)"}, outcome("shipped", "ann"))
	require.Equal(t, []string{"sms.user to bob: skipped(no_address)"}, outcome("shipped", "bob"))
	require.Equal(t, []string{"sms.user to eve: failed(bad_address)"}, outcome("shipped", "eve"))
	require.Len(t, sink.Messages(), 1)

	trouble.Store(&twiliosink.Answer{Cut: true, Keep: true})
	require.Equal(t, []string{"sms.user to ann: uncertain(answer_lost)"}, outcome("shipped", "ann"))
	require.Len(t, sink.Messages(), 2, "not sent again")
	outcome("code", "ann")
	require.Len(t, sink.Messages(), 4, "sent again, as the channel says")
}
