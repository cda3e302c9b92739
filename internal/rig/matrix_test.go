package rig_test

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/internal/rig"
	"github.com/carillon-notify/carillon/transports"
)

// cell is an option of one transport: what it changes, and what is told with it and not without it.
type cell struct {
	// given prepares both plays.
	given func(*play)
	set   func(*play)
	want  string
}

// generic are the cells of the options that all channels have, by the field of dispatch.Channel or dispatch.Event that
// declares them.
func generic(s *stage) map[string]cell {
	cells := map[string]cell{
		"Channel.Name":       {set: func(p *play) { p.channel.Name = "primary" }, want: "channel=primary "},
		"Channel.Audience":   {set: func(p *play) { p.channel.Audience = "second" }, want: "audience=second "},
		"Channel.Delay":      {set: func(p *play) { p.channel.Delay = 30 * time.Minute }, want: "waiting(delayed) attempts=0\nnow got 0\n"},
		"Channel.Retry":      {given: late, set: func(p *play) { p.channel.Retry = dispatch.RetryCode }, want: "expired(gave_up)"},
		"Event.Retry":        {given: late, set: func(p *play) { p.event.Retry = dispatch.RetryCode }, want: "expired(gave_up)"},
		"Event.ExpiresAfter": {given: late, set: func(p *play) { p.event.ExpiresAfter = 10 * time.Minute }, want: "expired(deadline)"},
		"Event.Priority":     {set: func(p *play) { p.event.Priority = dispatch.Critical }, want: "priority=critical "},
		"Event.Category":     {set: func(p *play) { p.event.Category = "quiet" }, want: "skipped(opted_out)"},
		"Event.GuardFunc": {set: func(p *play) {
			p.event.GuardFunc = func(context.Context, dispatch.Data, dispatch.Recipient) (bool, error) { return false, nil }
		}, want: "skipped(guarded)"},
		"Event.RecipientsFunc": {
			given: func(p *play) { p.fixed = true }, set: func(p *play) { p.fixed = false }, want: "recipient=ann ",
		},
		"Channel.Policy": {
			given: func(p *play) {
				p.channel.Name, p.channel.Delay = "main", 30*time.Minute
				p.event.Channels = []dispatch.Channel{{Name: "first", Transport: transports.InApp, Audience: "first"}}
				p.event.Content.Title, p.event.Content.Message = "T", "M"
				p.event.ContentFor = map[string]dispatch.Content{}
			},
			set: func(p *play) { p.channel.Policy = dispatch.SkipIfRead }, want: "channel=main audience=first recipient=ann priority=default skipped(already_read)",
		},
		"Channel.Content":     content(s, "channel", func(p *play, c dispatch.Content) { p.channel.Content = c }),
		"Event.Content":       content(s, "event", func(p *play, c dispatch.Content) { p.event.Content = p.event.Content.Merge(c) }),
		"Event.ContentFor":    content(s, "transport", func(p *play, c dispatch.Content) { p.event.ContentFor = map[string]dispatch.Content{s.spec.Name: c} }),
		"Channel.Attachments": {set: func(p *play) { p.channel.Attachments = terms }, want: "transport " + s.spec.Name + " sends no files"},
		"Event.Attachments":   {set: func(p *play) { p.event.Attachments = terms }, want: "no channel of the event sends files"},
		"Event.AttachFunc":    {set: func(p *play) { p.event.AttachFunc = made }, want: "no channel of the event sends files"},
		"Channel.OnUnknown":   {given: lost, set: func(p *play) { p.channel.OnUnknown = dispatch.Park }, want: "uncertain(answer_lost)"},
		// The language of a recipient is there for templates to read.
		"template and locale": template(s),
	}
	if s.spec.Files {
		for name, want := range map[string]string{"Channel.Attachments": "filename=terms.txt", "Event.Attachments": "filename=terms.txt", "Event.AttachFunc": "filename=made.txt"} {
			c := cells[name]
			c.want = want
			cells[name] = c
		}
	}
	if s.spec.InDatabase {
		c := cells["Channel.OnUnknown"]
		c.given, c.want = nil, "delivers in the database, where no answer is lost"
		cells["Channel.OnUnknown"] = c
	}
	if s.spec.OnUnknown == transports.Park {
		cells["Channel.OnUnknown"] = cell{given: lost, set: func(p *play) { p.channel.OnUnknown = dispatch.Resend }, want: "later attempt 2 unknown"}
	}
	return cells
}

var terms = []dispatch.Attachment{{File: "terms.txt"}}

func made(context.Context, dispatch.Querier, dispatch.Data, string) ([]dispatch.File, error) {
	return []dispatch.File{{Name: "made.txt", Content: []byte("made")}}, nil
}

func late(p *play) { p.late = time.Hour }

func lost(p *play) { p.answer = rig.Lose }

// content changes the first text that the transport sends; one that sends none says so.
func content(s *stage, at string, put func(*play, dispatch.Content)) cell {
	fields := s.spec.Fields()
	if len(fields) == 0 {
		return cell{set: func(p *play) { put(p, dispatch.Content{Message: "other"}) }, want: "does not send a message"}
	}
	field := transports.FieldMessage
	if !slices.Contains(fields, field) {
		field = fields[0]
	}
	if s.spec.Name == transports.Email {
		field = transports.FieldText
	}
	var c dispatch.Content
	for _, f := range c.Fields() {
		if f.Name == field {
			*f.Value = "Other of the " + at
		}
	}
	return cell{set: func(p *play) { put(p, c) }, want: "Other of the " + at}
}

// template writes a value and the recipient's language into what the transport sends.
func template(s *stage) cell {
	const text = "{{ word }} in {{ recipient.locale }}"
	switch s.spec.Name {
	case transports.Broadcast:
		return cell{set: func(p *play) {
			p.channel.Options = transports.BroadcastOptions{Payload: map[string]string{"w": "{{ word }} in {{ event.name }}"}}
		}, want: `plain in orders.created`}
	case transports.Job:
		return cell{set: func(p *play) {
			p.channel.Options = transports.JobOptions{Kind: "ship", Args: map[string]string{"w": text}}
		}, want: "plain in de-CH"}
	}
	c := content(s, text, func(p *play, c dispatch.Content) { p.channel.Content = c })
	c.want = "Other of the plain in de-CH"
	return c
}

// own are the cells of the transports' own options.
func own() map[string]map[string]cell {
	slack := func(o transports.SlackOptions) func(*play) { return func(p *play) { p.channel.Options = o } }
	discord := func(o transports.DiscordOptions) func(*play) { return func(p *play) { p.channel.Options = o } }
	text := func(o transports.SMSOptions) func(*play) { return func(p *play) { p.channel.Options = o } }
	pushed := func(o transports.WebPushOptions) func(*play) { return func(p *play) { p.channel.Options = o } }
	signal := func(o transports.BroadcastOptions) func(*play) { return func(p *play) { p.channel.Options = o } }
	ship := func(o transports.JobOptions) func(*play) {
		return func(p *play) {
			if o.Kind == "" {
				o.Kind = "ship"
			}
			p.channel.Options = o
		}
	}
	long := func(p *play) {
		p.event.Content.ActionURL, p.channel.Content.Message = "", string(slices.Repeat([]byte("word "), 200))
	}
	args := map[string]string{"n": "7"}
	return map[string]map[string]cell{
		transports.Slack: {
			"mrkdwn":     {set: slack(transports.SlackOptions{Mrkdwn: "*bold* {{ word }}"}), want: "*bold* plain"},
			"blocks":     {set: slack(transports.SlackOptions{Blocks: `[{"type":"divider","block_id":"{{ word }}"}]`}), want: `"type":"divider"`},
			"thread":     {given: twice, set: slack(transports.SlackOptions{Thread: true}), want: `"thread_ts":"1774746123.000001"`},
			"broadcast":  {given: twiceIn(transports.SlackOptions{Thread: true}), set: slack(transports.SlackOptions{Thread: true, Broadcast: true}), want: `"reply_broadcast":true`},
			"username":   {set: slack(transports.SlackOptions{Username: "Desk {{ word }}"}), want: `"username":"Desk plain"`},
			"icon_emoji": {set: slack(transports.SlackOptions{IconEmoji: ":bell:"}), want: `"icon_emoji":":bell:"`},
			"icon_url":   {set: slack(transports.SlackOptions{IconURL: "https://icons.example.com/x.png"}), want: `"icon_url":"https://icons.example.com/x.png"`},
			"unfurl":     {set: slack(transports.SlackOptions{Unfurl: true}), want: `"unfurl_links":true`},
		},
		transports.Discord: {
			"markdown": {set: discord(transports.DiscordOptions{Markdown: "**bold** {{ word }}"}), want: `"content":"**bold** plain"`},
			"fields":   {set: discord(transports.DiscordOptions{Fields: map[string]string{"Total": "{{ word }}"}}), want: `"name":"Total"`},
			"mention": {
				given: func(p *play) { p.channel.Options = transports.DiscordOptions{Markdown: "<@&123456789012345678>"} },
				set:   discord(transports.DiscordOptions{Markdown: "<@&123456789012345678>", Mention: []string{"role:123456789012345678"}}),
				want:  `"roles":["123456789012345678"]`,
			},
			"color":      {set: discord(transports.DiscordOptions{Color: "0000ff"}), want: `"color":255`},
			"username":   {set: discord(transports.DiscordOptions{Username: "Desk {{ word }}"}), want: `"username":"Desk plain"`},
			"avatar_url": {set: discord(transports.DiscordOptions{AvatarURL: "https://icons.example.com/x.png"}), want: `"avatar_url":"https://icons.example.com/x.png"`},
			"silent":     {set: discord(transports.DiscordOptions{Silent: true}), want: `"flags":4096`},
		},
		transports.SMS: {
			"from":         {set: text(transports.SMSOptions{From: "Shop{{ word }}"}), want: "From=Shopplain"},
			"max_segments": {given: long, set: text(transports.SMSOptions{MaxSegments: 10}), want: string(slices.Repeat([]byte("word "), 190))},
			"too_long":     {given: long, set: text(transports.SMSOptions{TooLong: "refuse"}), want: "failed(rejected)"},
		},
		transports.WebPush: {
			"ttl":      {set: pushed(transports.WebPushOptions{TTL: time.Hour}), want: "ttl=3600 "},
			"urgency":  {set: pushed(transports.WebPushOptions{Urgency: "high"}), want: "urgency=high"},
			"collapse": {set: pushed(transports.WebPushOptions{Collapse: "order-{{ word }}"}), want: `"tag":"XTwc-_e5h-OlwPKuUlUC`},
			"icon":     {set: pushed(transports.WebPushOptions{Icon: "https://icons.example.com/x.png"}), want: "https://icons.example.com/x.png"},
			"badge":    {set: pushed(transports.WebPushOptions{Badge: "https://icons.example.com/b.png"}), want: "https://icons.example.com/b.png"},
			"data":     {set: pushed(transports.WebPushOptions{Data: map[string]string{"word": "{{ word }}"}}), want: `"word":"plain"`},
			"oversize": {given: func(p *play) { p.channel.Content.Message = strings.Repeat("long words ", 1000) }, set: pushed(transports.WebPushOptions{Oversize: "refuse"}), want: "failed(render)"},
		},
		transports.Broadcast: {
			"topic":   {set: signal(transports.BroadcastOptions{Topic: "order/{{ word }}"}), want: `"topic":"order/plain"`},
			"payload": {set: signal(transports.BroadcastOptions{Payload: map[string]string{"word": "{{ word }}"}}), want: `"word":"plain"`},
		},
		transports.Job: {
			"kind":          {set: ship(transports.JobOptions{Kind: "pack"}), want: "kind=pack "},
			"args":          {set: ship(transports.JobOptions{Args: args}), want: `{"n": "7"}`},
			"typed":         {given: func(p *play) { p.channel.Options = transports.JobOptions{Kind: "ship", Args: args} }, set: ship(transports.JobOptions{Args: args, Typed: []string{"n"}}), want: `{"n": 7}`},
			"queue":         {set: ship(transports.JobOptions{Queue: "heavy"}), want: "queue=heavy "},
			"priority":      {set: ship(transports.JobOptions{Priority: 3}), want: "priority=3 max"},
			"max_attempts":  {set: ship(transports.JobOptions{MaxAttempts: 4}), want: "max_attempts=4 "},
			"tags":          {set: ship(transports.JobOptions{Tags: []string{"{{ word }}"}}), want: "tags={plain}"},
			"unique":        {set: ship(transports.JobOptions{Unique: true}), want: "unique=true"},
			"unique_period": {given: twiceJob, set: ship(transports.JobOptions{Unique: true, UniquePeriod: time.Hour}), want: "later got 2\n"},
		},
	}
}

// twice adds a second channel, half an hour later.
func twice(p *play) {
	p.event.Channels = []dispatch.Channel{{Name: "again", Transport: p.channel.Transport, Audience: "first", Delay: 30 * time.Minute, Options: transports.SlackOptions{Thread: true}}}
	p.channel.Name = "once"
}

func twiceIn(o transports.SlackOptions) func(*play) {
	return func(p *play) {
		p.channel.Name, p.channel.Delay, p.channel.Options = "again", 30*time.Minute, o
		p.event.Channels = []dispatch.Channel{{Name: "once", Transport: p.channel.Transport, Audience: "first", Options: transports.SlackOptions{Thread: true}}}
	}
}

// twiceJob asks for the same job again.
func twiceJob(p *play) {
	o := transports.JobOptions{Kind: "ship", Unique: true}
	p.channel.Name, p.channel.Delay, p.channel.Options = "again", 90*time.Minute, o
	p.event.Channels = []dispatch.Channel{{Name: "once", Transport: p.channel.Transport, Audience: "first", Options: o}}
}

// nothing says why a transport has no cell.
var nothing = map[string]map[string]string{
	transports.Broadcast: {
		"Channel.Policy":       "a signal is to whoever listens: there is nobody who could have read",
		"Event.Category":       "nor anybody who could have switched it off",
		"Event.GuardFunc":      "the guard is asked about a recipient, of whom a signal has none",
		"Event.RecipientsFunc": "nor does a function find any",
		"Event.Content":        "it sends no text; what an event says to all of its channels is no mistake of this one",
	},
	transports.Job: {
		"Event.Content": "it sends no text; what an event says to all of its channels is no mistake of this one",
	},
	transports.InApp: {
		"Event.RecipientsFunc": "its other form, an audience of one address, is refused: it delivers to people",
	},
}

// noOption are fields of the declarations that are none, each with where they are seen.
var noOption = map[string]string{
	"Channel.Transport": "chooses the column of the matrix", "Channel.Options": "has a cell for each option",
	"Event.Name": "dispatch TestEveryOption", "Event.On": "dispatch TestEveryOption", "Event.Channels": "is what is tested",
	"Event.NotificationType": "is part of the golden payloads", "Event.Sample": "is read when the dispatcher is built",
	"Event.EnrichFunc": "dispatch TestEveryOption",
}

// TestOptionMatrix: every option on every transport of the registry makes a difference that somebody can see.
func TestOptionMatrix(t *testing.T) {
	t.Parallel()
	for _, spec := range transports.Builtin() {
		t.Run(spec.Name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, spec)
			described, err := transports.OptionsOf(spec.Options)
			require.NoError(t, err)
			cells := generic(s)
			for _, o := range described {
				c, has := own()[spec.Name][o.Name]
				require.True(t, has, "option %s of %s has no cell", o.Name, spec.Name)
				cells["options."+o.Name] = c
			}
			for name := range own()[spec.Name] {
				require.True(t, slices.ContainsFunc(described, func(o transports.Option) bool { return o.Name == name }), "there is no option %s", name)
			}
			for _, name := range slices.Sorted(maps.Keys(cells)) {
				if nothing[spec.Name][name] != "" {
					continue
				}
				c := cells[name]
				t.Run(name, func(t *testing.T) { // not parallel: one stand-in has one way to answer
					without, with := s.full(), s.full()
					if c.given != nil {
						c.given(without)
						c.given(with)
					}
					c.set(with)
					off, on := s.told(t, without), s.told(t, with)
					require.NotContains(t, off, c.want, "without the option")
					require.Contains(t, on, c.want, "with the option; without it:\n%s", off)
				})
			}
		})
	}
}

// TestOptionMatrixIsComplete: a field that a channel or an event gains needs its cells.
func TestOptionMatrixIsComplete(t *testing.T) {
	t.Parallel()
	cells := generic(&stage{rig: &rig.Rig{}})
	for prefix, of := range map[string]reflect.Type{
		"Channel.": reflect.TypeFor[dispatch.Channel](), "Event.": reflect.TypeFor[dispatch.Event[dispatch.Data]](),
	} {
		for i := range of.NumField() {
			name := prefix + of.Field(i).Name
			_, has := cells[name]
			require.True(t, has || noOption[name] != "", "%s has no cell", name)
		}
	}
}
