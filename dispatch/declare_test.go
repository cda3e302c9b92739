package dispatch_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/transports"
)

type ticket struct {
	ID     string   `json:"id"`
	UserID string   `json:"user_id"`
	Note   string   `json:"note,omitempty"`
	Tags   []string `json:"tags"`
}

// tickets is a sound declaration; change makes it unsound.
func tickets(change func(*dispatch.Resource[ticket], *dispatch.Event[ticket])) dispatch.Declaration {
	r := dispatch.Resource[ticket]{
		Name:    "tickets",
		Actions: []dispatch.Action{"open"},
		Audiences: map[string]dispatch.Audience{
			"user": dispatch.Person(func(t ticket) string { return t.UserID }),
			"ops":  dispatch.Fixed(transports.Email, "ops@example.com"),
		},
		Events: []dispatch.Event[ticket]{{
			Name: "opened", On: []dispatch.Action{"open"}, Category: "support",
			Channels: []dispatch.Channel{
				{Transport: transports.Email, Audience: "user"}, {Transport: transports.InApp, Audience: "user"},
			},
			Content: dispatch.Content{Subject: "Ticket {{ id }}", Title: "Ticket {{ id }}", Message: "Opened."},
		}},
	}
	if change != nil {
		change(&r, &r.Events[0])
	}
	return r
}

func build(declarations ...dispatch.Declaration) error {
	_, err := dispatch.New(&dispatch.Config{Resources: declarations, Categories: []dispatch.Category{{Name: "support"}}})
	return err
}

func TestWhatIsWrongWithADeclarationIsNamed(t *testing.T) {
	t.Parallel()
	require.NoError(t, build(tickets(nil)))
	type (
		resource = dispatch.Resource[ticket]
		event    = dispatch.Event[ticket]
	)
	for want, change := range map[string]func(*resource, *event){
		`events.tickets.opened.on[0]: unknown action "close"`:                            func(_ *resource, e *event) { e.On[0] = "close" },
		`events.tickets.opened.category: unknown category "nope"`:                        func(_ *resource, e *event) { e.Category = "nope" },
		`events.tickets.opened.notification_type: unknown notification type "bad"`:       func(_ *resource, e *event) { e.NotificationType = "bad" },
		`events.tickets.opened.priority: unknown priority 9`:                             func(_ *resource, e *event) { e.Priority = 9 },
		`events.tickets.opened.expires_after: -1s is out of range`:                       func(_ *resource, e *event) { e.ExpiresAfter = -time.Second },
		`events.tickets.opened.channels: the event has no channel`:                       func(_ *resource, e *event) { e.Channels = nil },
		`channels[0].transport: unknown transport "pigeon"`:                              func(_ *resource, e *event) { e.Channels[0].Transport = "pigeon" },
		`channels[1].audience: unknown audience "crowd" (declared audiences: ops, user)`: func(_ *resource, e *event) { e.Channels[1].Audience = "crowd" },
		`channels[0].policy: unknown policy "maybe"`:                                     func(_ *resource, e *event) { e.Channels[0].Policy = "maybe" },
		`channels[0].on_unknown: unknown policy "maybe" (one of resend, park, probe)`:    func(_ *resource, e *event) { e.Channels[0].OnUnknown = "maybe" },
		`channels[0].on_unknown: transport email cannot be asked`:                        func(_ *resource, e *event) { e.Channels[0].OnUnknown = dispatch.Probe },
		`channels[1].on_unknown: transport in_app delivers in the database`:              func(_ *resource, e *event) { e.Channels[1].OnUnknown = dispatch.Resend },
		`channels[0].policy: skip_if_read needs an in_app channel`: func(_ *resource, e *event) {
			e.Channels = e.Channels[:1]
			e.Channels[0].Policy = dispatch.SkipIfRead
		},
		`channels[0].delay: 20000h0m0s is out of range`:                         func(_ *resource, e *event) { e.Channels[0].Delay = 20000 * time.Hour },
		`channels[1].name: channel "email.user" is declared twice`:              func(_ *resource, e *event) { e.Channels[1] = e.Channels[0] },
		`channels[0].name: a channel's name is lower-case`:                      func(_ *resource, e *event) { e.Channels[0].Name = "Mail!" },
		`channels[1].audience: audience "ops" is a fixed address`:               func(_ *resource, e *event) { e.Channels[1].Audience = "ops" },
		`channels[0].content.subject: transport email needs a subject`:          func(_ *resource, e *event) { e.Content.Subject = "" },
		`channels[0].content: transport email needs one of [text html message]`: func(_ *resource, e *event) { e.Content.Message = "" },
		`channels[0].content.title: transport email does not send a title`:      func(_ *resource, e *event) { e.Channels[0].Content.Title = "x" },
		`content_for.in_app.html: transport in_app does not send a html`:        func(_ *resource, e *event) { e.ContentFor = map[string]dispatch.Content{"in_app": {HTML: "x"}} },
		`content_for.sms: no channel of the event uses transport "sms"`:         func(_ *resource, e *event) { e.ContentFor = map[string]dispatch.Content{"sms": {Message: "x"}} },
		`content.action_label: a label needs an action_url`:                     func(_ *resource, e *event) { e.Content.ActionLabel = "Open" },
		`unknown placeholder "nope"`:                                            func(_ *resource, e *event) { e.Content.Subject = "{{ nope }}" },
		`unknown placeholder "recipient.shoe_size"`:                             func(_ *resource, e *event) { e.Content.Subject = "{{ recipient.shoe_size }}" },
		`placeholder "note" is not in every payload`:                            func(_ *resource, e *event) { e.Content.Subject = "{{ note }}" },
		`channels[0].content.subject: parse template subject`:                   func(_ *resource, e *event) { e.Content.Subject = "{{ if }}" },
		`channels[0].content.from: not a mailbox`:                               func(_ *resource, e *event) { e.Content.From = "nobody" },
		`does not render with the sample`: func(_ *resource, e *event) {
			e.Sample = &ticket{ID: "1"}
			e.Content.Subject = `{{ index tags 3 }}`
		},
		`audiences.user: the audience reads dispatch_test.other, but the resource's payload is dispatch_test.ticket`: func(r *resource, _ *event) {
			r.Audiences["user"] = dispatch.Person(func(o other) string { return o.X })
		},
		`audiences.user: the audience is empty`:  func(r *resource, _ *event) { r.Audiences["user"] = dispatch.Audience{} },
		`an event's full name is resource.event`: func(_ *resource, e *event) { e.Name = "Opened" },
		`event tickets.opened is declared twice`: func(r *resource, e *event) { r.Events = append(r.Events, *e) },
		`enrich.id: the name is taken`: func(_ *resource, e *event) {
			e.EnrichFunc = dispatch.Enrich(func(context.Context, dispatch.Querier, ticket) (struct {
				ID string `json:"id"`
			}, error,
			) {
				return struct {
					ID string `json:"id"`
				}{}, nil
			})
		},
	} {
		err := build(tickets(change))
		require.ErrorContains(t, err, want)
		var problems dispatch.Problems
		require.ErrorAs(t, err, &problems, want)
	}
}

type other struct {
	X string `json:"x"`
}

func TestPayloadFieldsAreCheckedWhenTheDispatcherIsBuilt(t *testing.T) {
	t.Parallel()
	type untagged struct {
		ID    string `json:"id"`
		Email string
	}
	type shadowing struct {
		Date string `json:"date"`
	}
	type taken struct {
		Recipient string `json:"recipient"`
	}
	channel := []dispatch.Channel{{Transport: transports.Email, Audience: "ops"}}
	audiences := map[string]dispatch.Audience{"ops": dispatch.Fixed(transports.Email, "ops@example.com")}
	text := dispatch.Content{Subject: "x", Message: "y"}
	require.ErrorContains(t, build(dispatch.Resource[untagged]{
		Name: "a", Audiences: audiences, Events: []dispatch.Event[untagged]{{Name: "b", Channels: channel, Content: text}},
	}), "Email")
	require.ErrorContains(t, build(dispatch.Resource[shadowing]{
		Name: "a", Audiences: audiences, Events: []dispatch.Event[shadowing]{{Name: "b", Channels: channel, Content: text}},
	}), "{{ .date }}")
	require.ErrorContains(t, build(dispatch.Resource[taken]{
		Name: "a", Audiences: audiences, Events: []dispatch.Event[taken]{{Name: "b", Channels: channel, Content: text}},
	}), "built-in variable")
}

func TestAllProblemsAreReportedTogether(t *testing.T) {
	t.Parallel()
	err := build(
		tickets(func(_ *dispatch.Resource[ticket], e *dispatch.Event[ticket]) {
			e.Category, e.On = "nope", []dispatch.Action{"close"}
			e.Channels[0].Transport = "pigeon"
			e.Content.Title = "{{ missing }}"
		}),
		tickets(nil),
	)
	var problems dispatch.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 5)
	require.Len(t, strings.Split(err.Error(), "\n"), 6)
}

func TestTheSameNameTwiceIsRefused(t *testing.T) {
	t.Parallel()
	_, err := dispatch.New(&dispatch.Config{
		Categories: []dispatch.Category{{Name: "support"}, {Name: "support"}, {Name: "No"}},
		Transports: []transports.Spec{transports.EmailSpec(), {Name: "Bad Name"}},
		Resources:  []dispatch.Declaration{tickets(nil)},
	})
	for _, want := range []string{
		"categories.support: the category is declared twice", "categories.No: a category's name",
		"transports.email: the transport is declared twice", "transports.Bad Name: a transport's name",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestForPanicsWhenTheResourceIsNotTheDispatchers(t *testing.T) {
	t.Parallel()
	d, err := dispatch.New(&dispatch.Config{})
	require.NoError(t, err)
	require.Panics(t, func() { dispatch.For(d, dispatch.Resource[ticket]{Name: "tickets"}) })
}
