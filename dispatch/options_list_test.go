package dispatch_test

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/transports"
)

type uuidOf = uuid.UUID

// option sets one option and names what only then appears in the trace.
type option struct {
	name string
	// fields and keys are what the option is called in Go and in YAML. Without keys it is for Go alone.
	fields, keys []string
	onlyYAML     bool
	// given prepares both sides of the comparison.
	given func(*specimen)
	set   func(*specimen)
	want  string
}

func field(name, key string, set func(*specimen), want string) option {
	o := option{name: name, fields: []string{name}, set: set, want: want}
	if key != "" {
		o.keys = []string{key}
	}
	return o
}

func (o option) after(given func(*specimen)) option {
	o.given = given
	return o
}

func options() []option {
	all := slicesOf(declarationOptions(), eventOptions(), channelOptions(), contentOptions(), attachmentOptions(), emitOptions())
	return all
}

// attachmentOptions sets each field of a reference at the event and at the channel.
func attachmentOptions() []option {
	const first = "{ transport: email, audience: user }"
	var all []option
	for _, o := range []struct {
		name, key, value, want string
		with                   dispatch.Attachment
	}{
		{"File", "file", "1.pdf", "file 1.pdf application/pdf  [ticket 1]", dispatch.Attachment{File: "1.pdf"}},
		{"Name", "name", "Ticket {{ id }}.png", "file Ticket 1.png", dispatch.Attachment{File: "logo.png", Name: "Ticket {{ id }}.png"}},
		{"MediaType", "media_type", "image/x-icon", "image/x-icon", dispatch.Attachment{File: "logo.png", MediaType: "image/x-icon"}},
		{"ContentID", "content_id", "logo@shop", " logo@shop [logo]", dispatch.Attachment{File: "logo.png", ContentID: "logo@shop"}},
	} {
		value := "{ file: logo.png, " + o.key + ": \"" + o.value + "\" }"
		if o.key == "file" {
			value = "{ file: " + o.value + " }"
		}
		all = append(all,
			option{
				name: "Attachment." + o.name, fields: []string{"Attachment." + o.name}, keys: []string{"events.*.attachments[]." + o.key}, want: o.want,
				given: func(d *specimen) {
					d.e().Attachments = []dispatch.Attachment{{File: "logo.png"}}
					d.replace("    content:", "    attachments: [{ file: logo.png }]\n    content:")
				},
				set: func(d *specimen) {
					d.e().Attachments = []dispatch.Attachment{o.with}
					d.replace("{ file: logo.png }", value)
				},
			},
			option{
				name: "Channel.Attachments." + o.name, keys: []string{"events.*.channels[].attachments[]." + o.key}, want: o.want,
				set: func(d *specimen) {
					d.e().Channels[0].Attachments = []dispatch.Attachment{o.with}
					d.replace(first, "{ transport: email, audience: user, attachments: ["+value+"] }")
				},
			})
	}
	return all
}

func slicesOf(lists ...[]option) []option {
	var all []option
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// toBob sends the email to bob, who switched off category support, under that category.
func toBob(d *specimen) {
	d.e().Category, d.e().Channels[0].Audience = "support", "second"
	d.replace("category: news", "category: support")
	d.replace("{ transport: email, audience: user }", "{ transport: email, audience: second }")
}

func message(text string) func(*specimen) {
	return func(d *specimen) {
		d.e().Content.Message = text
		d.replace("message: Message", "message: '"+text+"'")
	}
}

func declarationOptions() []option {
	return []option{
		field("Config.PublicURL", "public_url", func(d *specimen) {
			d.cfg.PublicURL = "https://shop.example.com/"
			d.yaml += "public_url: https://shop.example.com/\n"
		}, "message=https://shop.example.com/t;").after(message("{{ public_url }}/t")),
		field("Config.People", "people.sql", func(d *specimen) {
			d.cfg.People = people.Func(func(_ context.Context, _ string, ids []string) (map[string]people.Person, error) {
				return map[string]people.Person{ids[0]: {ID: ids[0], Name: "Zed", Email: "zed@example.com"}}, nil
			})
			d.yaml += "people: { sql: \"select id, 'Zed' as name, 'zed@example.com' as email from unnest($1::text[]) id\" }\n"
		}, "to=zed@example.com name=Zed"),
		field("Config.Transports", "", func(d *specimen) {
			d.cfg.Transports = []transports.Spec{pager}
		}, "sent pager").after(func(d *specimen) { d.e().Channels[0].Transport = "pager" }),
		field("Category.Name", "categories.*.name", func(d *specimen) {
			d.cfg.Categories = append(d.cfg.Categories, dispatch.Category{Name: "vip"})
			d.replace("news: {}", "news: {}\n  vip: { name: vip }")
		}, "category=vip").after(func(d *specimen) {
			d.e().Category = "vip"
			d.replace("category: news", "category: vip")
		}),
		field("Category.Label", "categories.*.name", func(d *specimen) {
			d.cfg.Categories[0].Label = "Help desk"
			d.replace("support: {}", "support: { name: Help desk }")
		}, `switched off category \"Help desk\"`).after(toBob),
		field("Category.Mandatory", "categories.*.mandatory", func(d *specimen) {
			d.cfg.Categories[0].Mandatory = true
			d.replace("support: {}", "support: { mandatory: true }")
		}, "to=bob@example.com").after(toBob),
		field("Resource.Name", "", func(d *specimen) { d.resource.Name, d.event = "cases", "cases.opened" }, "event cases.opened resource=cases/"),
		field("Resource.KeyFunc", "", func(d *specimen) {
			d.resource.KeyFunc = func(p dispatch.Data) string { return "K" + p["id"].(string) }
		}, "resource=tickets/K1").after(func(d *specimen) { d.emit = byName(nil) }),
		field("Resource.Actions", "", func(d *specimen) { d.resource.Actions = []dispatch.Action{"open"} }, "event tickets.opened").
			after(func(d *specimen) {
				d.e().On = []dispatch.Action{"open"}
				d.emit = byAction
			}),
		field("Resource.Audiences", "audiences.*.fixed.*", func(d *specimen) {
			d.resource.Audiences["second"] = dispatch.Fixed(transports.Email, "ops@example.com")
			d.replace("second: { field: second_id }", "second: { fixed: { email: ops@example.com } }")
		}, "to=ops@example.com").after(toBob),
		{
			name: "audiences.*.field", keys: []string{"audiences.*.field"}, onlyYAML: true, want: "to=bob@example.com",
			set: func(d *specimen) { d.replace("user: { field: user_id }", "user: { field: second_id }") },
		},
		option{
			name: "audiences.*.endpoints", keys: []string{"audiences.*.endpoints"}, onlyYAML: true, want: "skipped(no_recipients)",
			set: func(d *specimen) {
				d.replace("{ fixed: { webhook: \"https://hooks.example.com/\" } }", "{ endpoints: true }")
			},
		}.after(func(d *specimen) {
			d.replace("second: { field: second_id }", "second: { fixed: { webhook: \"https://hooks.example.com/\" } }")
			d.replace("{ transport: email, audience: user }", "{ transport: webhook, audience: second }")
		}),
		{
			name: "audiences.*.sql", keys: []string{"audiences.*.sql"}, onlyYAML: true, want: "to=bob@example.com",
			set: func(d *specimen) {
				d.replace("user: { field: user_id }", "user: { sql: \"select id from carillon.people where id <> $1::jsonb->>'user_id'\" }")
			},
		},
	}
}

func eventOptions() []option {
	return []option{
		field("Event.Name", "", func(d *specimen) { d.e().Name, d.event = "closed", "tickets.closed" }, "event tickets.closed"),
		field("Event.On", "", func(d *specimen) { d.e().On = []dispatch.Action{"open"} }, "event tickets.opened").
			after(func(d *specimen) {
				d.resource.Actions = []dispatch.Action{"open"}
				d.emit = byAction
			}),
		field("Event.Category", "events.*.category", func(d *specimen) {
			d.e().Category = "support"
			d.replace("category: news", "category: support")
		}, "category=support"),
		field("Event.NotificationType", "events.*.notification_type", func(d *specimen) {
			d.e().NotificationType = dispatch.Warning
			d.replace("category: news", "category: news\n    notification_type: warning")
		}, "notification type=warning"),
		field("Event.Priority", "events.*.priority", func(d *specimen) {
			d.e().Priority = dispatch.Critical
			d.replace("category: news", "category: news\n    priority: critical")
		}, "priority=1"),
		field("Event.ExpiresAfter", "events.*.expires_after", func(d *specimen) {
			d.e().ExpiresAfter = 90 * time.Minute
			d.replace("category: news", "category: news\n    expires_after: 90m")
		}, "expires_after=01:30:00"),
		field("Event.Retry", "events.*.retry", func(d *specimen) {
			d.e().Retry = dispatch.RetryCode
			d.replace("category: news", "category: news\n    retry: code")
		}, "expired(gave_up)").after(late),
		field("Event.Content", "events.*.content.message", message("Hello"), "message=Hello;"),
		field("Event.ContentFor", "events.*.content_for.*.message", func(d *specimen) {
			d.e().ContentFor = map[string]dispatch.Content{transports.InApp: {Message: "Inside"}}
			d.replace("    content:", "    content_for: { in_app: { message: Inside } }\n    content:")
		}, "message=Inside"),
		field("Event.Sample", "events.*.sample", func(d *specimen) {
			d.e().Sample = &dispatch.Data{"id": "1", "user_id": "ann", "second_id": "bob", "extra": "x"}
			d.replace("second_id: bob }", "second_id: bob, extra: x }")
		}, "message=spice;").after(message("{{ extra }}")),
		field("Event.EnrichFunc", "", func(d *specimen) {
			d.e().EnrichFunc = dispatch.Enrich(func(context.Context, dispatch.Querier, dispatch.Data) (struct {
				Link string `json:"link"`
			}, error,
			) {
				return struct {
					Link string `json:"link"`
				}{"a link"}, nil
			})
		}, "message=a link;").after(message("{{ link }}")),
		field("Event.Attachments", "events.*.attachments[].file", func(d *specimen) {
			d.e().Attachments = []dispatch.Attachment{{File: "logo.png"}}
			d.replace("    content:", "    attachments: [{ file: logo.png }]\n    content:")
		}, "file logo.png image/png  [logo]"),
		field("Event.AttachFunc", "", func(d *specimen) {
			d.e().AttachFunc = func(context.Context, dispatch.Querier, dispatch.Data, string) ([]dispatch.File, error) {
				return []dispatch.File{{Name: "made.txt", Content: []byte("made")}}, nil
			}
		}, "file made.txt text/plain; charset=utf-8  [made]"),
		field("Event.GuardFunc", "", func(d *specimen) {
			d.e().GuardFunc = func(context.Context, dispatch.Data, dispatch.Recipient) (bool, error) { return false, nil }
		}, "skipped(guarded)"),
		field("Event.RecipientsFunc", "", func(d *specimen) {
			d.e().RecipientsFunc = func(context.Context, dispatch.Querier, dispatch.Data, string) ([]dispatch.Recipient, error) {
				return []dispatch.Recipient{{Address: "found@example.com"}}, nil
			}
		}, "to=found@example.com"),
	}
}

func channelOptions() []option {
	const first = "{ transport: email, audience: user }"
	return []option{
		field("Channel.Name", "events.*.channels[].name", func(d *specimen) {
			d.e().Channels[0].Name = "primary"
			d.replace(first, "{ transport: email, audience: user, name: primary }")
		}, "channel=primary"),
		field("Channel.Transport", "events.*.channels[].transport", func(d *specimen) {
			d.e().Channels = append(d.e().Channels, dispatch.Channel{Transport: transports.InApp, Audience: "second"})
			d.replace(first, first+"\n      - { transport: in_app, audience: second }")
		}, "transport=in_app audience=second"),
		field("Channel.Audience", "events.*.channels[].audience", func(d *specimen) {
			d.e().Channels[0].Audience = "second"
			d.replace(first, "{ transport: email, audience: second }")
		}, "to=bob@example.com"),
		field("Channel.Delay", "events.*.channels[].delay", func(d *specimen) {
			d.e().Channels[0].Delay = 30 * time.Minute
			d.replace(first, "{ transport: email, audience: user, delay: 30m }")
		}, "send_after=00:30:00 expires_after= waiting(delayed)"),
		field("Channel.Policy", "events.*.channels[].policy", func(d *specimen) {
			d.e().Channels[0].Policy = dispatch.SkipIfRead
			d.replace("delay: 30m }", "delay: 30m, policy: skip_if_read }")
		}, "skipped(already_read)").after(func(d *specimen) {
			d.e().Channels[0].Delay = 30 * time.Minute
			d.replace(first, "{ transport: email, audience: user, delay: 30m }")
		}),
		field("Channel.Retry", "events.*.channels[].retry", func(d *specimen) {
			d.e().Channels[0].Retry = dispatch.RetryCode
			d.replace(first, "{ transport: email, audience: user, retry: code }")
		}, "expired(gave_up)").after(late),
		field("Channel.OnUnknown", "events.*.channels[].on_unknown", func(d *specimen) {
			d.e().Channels[0].OnUnknown = dispatch.Park
			d.replace(first, "{ transport: email, audience: user, on_unknown: park }")
		}, "on_unknown=park"),
		field("Channel.Options", "events.*.channels[].options", func(d *specimen) {
			d.e().Channels[0].Options = pagerOptions{Tone: "tone {{ id }}"}
			d.replace("{ transport: pager, audience: user }", "{ transport: pager, audience: user, options: { tone: \"tone {{ id }}\" } }")
		}, `options={"tone":"tone 1"}`).after(func(d *specimen) {
			d.cfg.Transports = []transports.Spec{pager}
			d.e().Channels[0].Transport = "pager"
			d.replace(first, "{ transport: pager, audience: user }")
		}),
		field("Channel.Attachments", "events.*.channels[].attachments[].file", func(d *specimen) {
			d.e().Channels[0].Attachments = []dispatch.Attachment{{File: "{{ id }}.pdf"}}
			d.replace(first, "{ transport: email, audience: user, attachments: [{ file: \"{{ id }}.pdf\" }] }")
		}, "file 1.pdf application/pdf  [ticket 1]"),
		field("Channel.Content", "events.*.channels[].content.message", func(d *specimen) {
			d.e().Channels[0].Content.Message = "Just here"
			d.replace(first, "{ transport: email, audience: user, content: { message: Just here } }")
		}, "message=Just here;"),
	}
}

// contentOptions sets each field at the event, at the transport and at the channel.
func contentOptions() []option {
	values := map[string]string{
		transports.FieldSubject: "New subject", transports.FieldTitle: "New title", transports.FieldMessage: "New message",
		transports.FieldText: "New text", transports.FieldHTML: "<b>New html</b>", transports.FieldFrom: "desk@example.com",
		transports.FieldReplyTo: "reply@example.com", transports.FieldActionURL: "https://example.com/new", transports.FieldActionLabel: "New label",
	}
	var all []option
	for _, f := range (&dispatch.Content{}).Fields() {
		value, email := values[f.Name], "email"
		want, at := f.Name+"="+value+";", 0
		switch f.Name {
		case transports.FieldTitle, transports.FieldActionURL, transports.FieldActionLabel:
			email, at = "in_app", 1
			want = map[string]string{transports.FieldTitle: "title=", transports.FieldActionURL: "url=", transports.FieldActionLabel: "label="}[f.Name] + value
		}
		put := func(c *dispatch.Content) {
			for _, target := range c.Fields() {
				if target.Name == f.Name {
					*target.Value = value
				}
			}
		}
		channel := []string{"{ transport: email, audience: user }", "{ transport: in_app, audience: user }"}[at]
		given := func(*specimen) {}
		if f.Name == transports.FieldActionLabel {
			given = func(d *specimen) {
				d.e().Content.ActionURL = "https://example.com"
				d.replace("      title: Title", "      title: Title\n      action_url: https://example.com")
			}
		}
		old := map[string]string{"subject": "      subject: Subject", "title": "      title: Title", "message": "      message: Message"}[f.Name]
		all = append(all,
			option{
				name: "Content." + f.Name, fields: []string{"Content." + goNames[f.Name]}, keys: []string{"events.*.content." + f.Name}, want: want, given: given,
				set: func(d *specimen) {
					put(&d.e().Content)
					if old != "" {
						d.replace(old, "      "+f.Name+": \""+value+"\"")
					} else {
						d.yaml += "      " + f.Name + ": \"" + value + "\"\n"
					}
				},
			},
			option{
				name: "ContentFor." + f.Name, keys: []string{"events.*.content_for.*." + f.Name}, want: want, given: given,
				set: func(d *specimen) {
					var c dispatch.Content
					put(&c)
					d.e().ContentFor = map[string]dispatch.Content{email: c}
					d.replace("    content:", "    content_for: { "+email+": { "+f.Name+": \""+value+"\" } }\n    content:")
				},
			},
			option{
				name: "Channel.Content." + f.Name, keys: []string{"events.*.channels[].content." + f.Name}, want: want, given: given,
				set: func(d *specimen) {
					put(&d.e().Channels[at].Content)
					d.replace(channel, channel[:len(channel)-2]+", content: { "+f.Name+": \""+value+"\" } }")
				},
			})
	}
	return all
}

var goNames = map[string]string{
	"subject": "Subject", "title": "Title", "message": "Message", "text": "Text", "html": "HTML", "from": "From",
	"reply_to": "ReplyTo", "action_url": "ActionURL", "action_label": "ActionLabel",
}

func byName(opts *dispatch.EmitOpts) func(context.Context, pgx.Tx, *dispatch.Handle[dispatch.Data]) error {
	return func(ctx context.Context, tx pgx.Tx, h *dispatch.Handle[dispatch.Data]) error {
		_, err := h.EmitTx(ctx, tx, "opened", sample, opts)
		return err
	}
}

func byAction(ctx context.Context, tx pgx.Tx, h *dispatch.Handle[dispatch.Data]) error {
	_, err := h.TriggerTx(ctx, tx, "open", sample, nil)
	return err
}

func emitOptions() []option {
	var all []option
	for _, o := range []struct {
		name, want string
		opts       dispatch.EmitOpts
	}{
		{"Tenant", "tenant=acme", dispatch.EmitOpts{Tenant: "acme"}},
		{"Actor", "actor=mallory", dispatch.EmitOpts{Actor: "mallory"}},
		{"IdempotencyKey", "key=once", dispatch.EmitOpts{IdempotencyKey: "once"}},
		{"ResourceType", "resource=cases/", dispatch.EmitOpts{ResourceType: "cases"}},
		{"ResourceID", "resource=tickets/77", dispatch.EmitOpts{ResourceID: "77"}},
		{"Priority", "priority=3", dispatch.EmitOpts{Priority: dispatch.Bulk}},
		{"Trace", "trace=00-abc-def-01", dispatch.EmitOpts{Trace: "00-abc-def-01"}},
		{"At", "pending()", dispatch.EmitOpts{At: time.Now().Add(time.Hour)}},
	} {
		all = append(all, field("EmitOpts."+o.name, "", func(d *specimen) { d.emit = byName(&o.opts) }, o.want).
			after(func(d *specimen) { d.emit = byName(nil) }))
	}
	return all
}

// late lets an hour pass before anybody looks.
func late(d *specimen) { d.late = time.Hour }
