package slack_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/internal/slacksink"
	"github.com/carillon-notify/carillon/transports"
)

type ticket struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func tickets(address string, o transports.SlackOptions) dispatch.Resource[ticket] {
	return dispatch.Resource[ticket]{
		Name: "tickets", KeyFunc: func(t ticket) string { return t.ID },
		Audiences: map[string]dispatch.Audience{"room": dispatch.Fixed(transports.Slack, address)},
		Events: []dispatch.Event[ticket]{{
			Name: "changed", Channels: []dispatch.Channel{{Transport: transports.Slack, Audience: "room", Options: o}},
			Content: dispatch.Content{Title: "Ticket {{ id }}", Message: "by {{ name }}"},
		}},
	}
}

// TestAResourceHasOneThread lets the first message of a thread fail for a while, and for good.
func TestAResourceHasOneThread(t *testing.T) {
	t.Parallel()
	var trouble *slacksink.Answer
	transport, sink := setup(t, &slacksink.Config{AnswerFunc: func(slacksink.Message) *slacksink.Answer { return trouble }})
	resource := tickets("#desk", transports.SlackOptions{Thread: true, Broadcast: true})
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{resource}})
	require.NoError(t, err)
	tx := dispatchtest.Tx(t)
	kit := dispatchtest.New(t, tx, d, transport)
	emit := func(id string) {
		_, err := dispatch.For(d, resource).EmitTx(t.Context(), tx, "changed", ticket{ID: id, Name: "Ann"}, nil)
		require.NoError(t, err)
	}
	emit("1")
	emit("1")
	emit("2")
	trouble = slacksink.Refuse("service_unavailable")
	kit.Deliver()
	require.Empty(t, sink.Messages())
	trouble = nil
	for range 10 {
		kit.Advance(time.Minute)
		kit.Deliver()
	}
	emit("1")
	kit.Deliver()
	roots, replies := threads(sink.Messages())
	require.Len(t, roots, 2, "one for each ticket")
	require.Equal(t, map[string]int{roots["Ticket 1"]: 2}, replies)

	kit.Advance(time.Minute) // beyond the channel's rate
	trouble = slacksink.Refuse("msg_too_long")
	emit("3")
	kit.Deliver()
	trouble = nil
	emit("3")
	emit("3")
	for range 3 {
		kit.Advance(time.Minute)
		kit.Deliver()
	}
	roots, replies = threads(sink.Messages())
	require.Len(t, roots, 3)
	require.Equal(t, 1, replies[roots["Ticket 3"]], "another message begins the thread that never began")
}

// threads are the messages that began one, by title, and how many replies each had.
func threads(all []slacksink.Message) (roots map[string]string, replies map[string]int) {
	roots, replies = map[string]string{}, map[string]int{}
	for _, m := range all {
		if m.ThreadTS == "" {
			roots[slacksink.TextOf(m.Blocks[0])] = m.TS
			continue
		}
		replies[m.ThreadTS]++
	}
	return roots, replies
}

func TestADeadWebhookIsAskedOnce(t *testing.T) {
	t.Parallel()
	_, sink := setup(t, &slacksink.Config{Webhooks: []string{"another"}})
	resource := tickets("hook", transports.SlackOptions{})
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{resource}})
	require.NoError(t, err)
	tx := dispatchtest.Tx(t)
	var outcomes []string
	for range 3 { // workers, each without the memory of the others
		kit := dispatchtest.New(t, tx, d, dial(t, sink))
		emitted, err := dispatch.For(d, resource).EmitTx(t.Context(), tx, "changed", ticket{ID: "1"}, nil)
		require.NoError(t, err)
		kit.Deliver()
		outcomes = append(outcomes, kit.Outcomes(emitted.EventID)...)
	}
	require.Equal(t, []string{
		"slack.room to hook: failed(bad_address)", "slack.room to hook: skipped(switched_off)", "slack.room to hook: skipped(switched_off)",
	}, outcomes)
	require.Equal(t, 1, sink.Requests())
}

func TestValuesMeanNothingInATemplate(t *testing.T) {
	t.Parallel()
	transport, sink := setup(t, nil)
	// Each with a channel of its own: transactions that are open at a time would wait for each other's share of its rate.
	for room, o := range map[string]transports.SlackOptions{
		"#mrkdwn": {Mrkdwn: "<!here> new ticket by {{ name }}"},
		"#blocks": {Blocks: `[{"type":"section","text":{"type":"mrkdwn","text":"<!here> by {{ name }}"}}]`},
	} {
		resource := tickets(room, o)
		d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{resource}})
		require.NoError(t, err)
		tx := dispatchtest.Tx(t)
		kit := dispatchtest.New(t, tx, d, transport)
		_, err = dispatch.For(d, resource).EmitTx(t.Context(), tx, "changed",
			ticket{ID: "1", Name: `<!channel> <@U1> <https://evil.example|x> "}},{"type":"divider"}`}, nil)
		require.NoError(t, err)
		before := len(sink.Messages())
		kit.Deliver()
		got := sink.Messages()[before]
		require.Equal(t, []string{"!here"}, got.Active())
	}
	_, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{
		tickets("#desk", transports.SlackOptions{Blocks: `[{"type":"section","text":{{ name }}}]`}),
	}})
	require.ErrorContains(t, err, "must stand inside of a JSON string")
}
