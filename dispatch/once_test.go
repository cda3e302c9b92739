package dispatch_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
)

var (
	horn = transports.Spec{Name: "horn", Once: true, Required: []string{transports.FieldMessage}}
	till = transports.Spec{Name: "till", AudienceOptional: true, Required: []string{transports.FieldMessage}}
)

func sounding(recipients bool, channels ...dispatch.Channel) dispatch.Resource[dispatch.Data] {
	r := dispatch.Resource[dispatch.Data]{
		Name: "tickets",
		Audiences: map[string]dispatch.Audience{
			"user": dispatch.Field("user_id"), "all": dispatch.Field("all"), "nobody": dispatch.Field("nobody"),
			"square": dispatch.Fixed("horn", "the square").And("till", "the square"),
		},
		Events: []dispatch.Event[dispatch.Data]{{Name: "opened", Channels: channels, Content: dispatch.Content{Message: "m"}}},
	}
	if recipients {
		r.Events[0].RecipientsFunc = func(context.Context, dispatch.Querier, dispatch.Data, string) ([]dispatch.Recipient, error) {
			return []dispatch.Recipient{{ID: "x"}, {ID: "y"}}, nil
		}
	}
	return r
}

func TestOneMessageOfAnEvent(t *testing.T) {
	t.Parallel()
	for _, recipients := range []bool{false, true} {
		want := []string{
			"horn.event to event: sent(accepted)", "horn.square to the square: sent(accepted)", "till.event to event: sent(accepted)",
			"till.all to a: sent(accepted)", "till.all to b: sent(accepted)",
			"till.nobody to -: skipped(no_recipients)", "till.square to the square: sent(accepted)",
		}
		if recipients {
			want = []string{
				"horn.event to event: sent(accepted)", "horn.square to the square: sent(accepted)", "till.event to event: sent(accepted)",
				"till.all to x: sent(accepted)", "till.all to y: sent(accepted)",
				"till.nobody to x: sent(accepted)", "till.nobody to y: sent(accepted)",
				"till.square to x: sent(accepted)", "till.square to y: sent(accepted)",
			}
		}
		r := sounding(recipients, dispatch.Channel{Transport: "horn"}, dispatch.Channel{Transport: "horn", Audience: "square"},
			dispatch.Channel{Transport: "till"}, dispatch.Channel{Transport: "till", Audience: "all"},
			dispatch.Channel{Transport: "till", Audience: "nobody"}, dispatch.Channel{Transport: "till", Audience: "square"})
		d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}, Transports: []transports.Spec{horn, till}})
		require.NoError(t, err)
		tx := dbtest.Tx(t)
		kit := dispatchtest.New(t, tx, d)
		emitted, err := dispatch.For(d, r).EmitTx(t.Context(), tx, "opened",
			dispatch.Data{"user_id": "u", "all": []any{"a", "b"}, "nobody": []any{}}, nil)
		require.NoError(t, err)
		kit.Deliver()
		require.ElementsMatch(t, want, kit.Outcomes(emitted.EventID))
	}
}

func TestOneMessageHasNoAudienceOfPeople(t *testing.T) {
	t.Parallel()
	r := sounding(false, dispatch.Channel{Transport: "horn", Audience: "user"}, dispatch.Channel{Transport: transports.InApp})
	_, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}, Transports: []transports.Spec{horn}})
	require.ErrorContains(t, err, `events.tickets.opened.channels[0].audience: audience "user" is of people, and transport horn makes one message `+
		`of an event (leave the audience out, or name a fixed one)`)
	require.ErrorContains(t, err, `events.tickets.opened.channels[1].audience: unknown audience ""`)
}

func TestOptionsAreCheckedInGo(t *testing.T) {
	t.Parallel()
	declare := func(spec transports.Spec, options any) error {
		spec.Name = "horn"
		r := sounding(false, dispatch.Channel{Transport: "horn", Audience: "square", Options: options})
		_, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}, Transports: []transports.Spec{spec}})
		return err
	}
	require.NoError(t, declare(pager, pagerOptions{}))
	require.NoError(t, declare(pager, nil))
	require.ErrorContains(t, declare(horn, pagerOptions{}), "events.tickets.opened.channels[0].options: transport horn takes no options")
	require.ErrorContains(t, declare(pager, struct{}{}), "takes a dispatch_test.pagerOptions, not a struct {}")
	type tones struct {
		Tone string `yaml:"tone" required:"true" doc:"how it rings"`
		Mute string `yaml:"mute" oneof:"yes,no" doc:"whether"`
	}
	err := declare(transports.Spec{Options: tones{}, Required: []string{transports.FieldMessage}}, tones{Mute: "maybe"})
	require.ErrorContains(t, err, "events.tickets.opened.channels[0].options.tone: is required (how it rings)")
	require.ErrorContains(t, err, `options.mute: must be one of yes, no, not "maybe"`)
	require.ErrorContains(t, declare(transports.Spec{Options: struct{ X string }{}, Required: []string{transports.FieldMessage}}, nil),
		"transports.horn: options field X needs a yaml tag")
}
