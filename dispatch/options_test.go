package dispatch_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/preferences"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// specimen is a declaration in Go and as carillon.yaml, before it is built.
type specimen struct {
	// late is how long after the emit the workers begin.
	late     time.Duration
	cfg      dispatch.Config
	resource dispatch.Resource[dispatch.Data]
	yaml     string
	// emit replaces the emit of the base event.
	emit func(ctx context.Context, tx pgx.Tx, h *dispatch.Handle[dispatch.Data]) error
	// event is the event's name, if it is another.
	event string
}

func (d *specimen) e() *dispatch.Event[dispatch.Data] { return &d.resource.Events[0] }

// replace changes the YAML; what it replaces must be there.
func (d *specimen) replace(old, by string) {
	if !strings.Contains(d.yaml, old) {
		panic("the YAML has no " + old)
	}
	d.yaml = strings.Replace(d.yaml, old, by, 1)
}

var sample = dispatch.Data{"id": "1", "user_id": "ann", "second_id": "bob"}

func base() *specimen {
	return &specimen{
		event: "tickets.opened",
		cfg:   dispatch.Config{Categories: []dispatch.Category{{Name: "support"}, {Name: "news"}}},
		resource: dispatch.Resource[dispatch.Data]{
			Name:      "tickets",
			Audiences: map[string]dispatch.Audience{"user": dispatch.Field("user_id"), "second": dispatch.Field("second_id")},
			Events: []dispatch.Event[dispatch.Data]{{
				Name: "opened", Category: "news", Sample: &sample,
				Channels: []dispatch.Channel{{Transport: transports.Email, Audience: "user"}, {Transport: transports.InApp, Audience: "user"}},
				Content:  dispatch.Content{Subject: "Subject", Title: "Title", Message: "Message"},
			}},
		},
		yaml: `
audiences:
  user: { field: user_id }
  second: { field: second_id }
categories:
  support: {}
  news: {}
transports:
  email: {}
events:
  tickets.opened:
    category: news
    sample: { id: "1", user_id: ann, second_id: bob }
    channels:
      - { transport: email, audience: user }
      - { transport: in_app, audience: user }
    content:
      subject: Subject
      title: Title
      message: Message
`,
	}
}

// pager is a transport that Carillon does not bring, with an option.
var pager = transports.Spec{
	Name: "pager", Address: transports.AddressEmail, Required: []string{transports.FieldMessage}, Options: pagerOptions{},
}

type pagerOptions struct {
	Tone string `yaml:"tone" template:"true" doc:"how it rings"`
}

func builders() []config.Builder {
	return []config.Builder{
		{Spec: transports.EmailSpec(), New: func(decode func(any) error) (transports.Transport, error) {
			return transporttest.NewFake(transports.Email, nil), decode(&struct{}{})
		}},
		{Spec: transports.InAppSpec(), NoConfig: true, New: func(func(any) error) (transports.Transport, error) { return inapp.New(), nil }},
		{Spec: pager, NoConfig: true, New: func(func(any) error) (transports.Transport, error) {
			return transporttest.NewFake("pager", &transporttest.FakeConfig{Spec: pager}), nil
		}},
		{Spec: transports.WebhookSpec(), NoConfig: true, New: func(func(any) error) (transports.Transport, error) {
			return transporttest.NewFake(transports.Webhook, &transporttest.FakeConfig{Spec: transports.WebhookSpec()}), nil
		}},
	}
}

// trace emits one event in a transaction, delivers it over two hours, and tells all that happened. A declaration or
// an emit that is refused is told too.
func (d *specimen) trace(t *testing.T, db dispatch.Beginner, fromYAML bool) string {
	t.Helper()
	var dispatcher *dispatch.Dispatcher
	if fromYAML {
		file, err := config.Parse("carillon.yaml", []byte(d.yaml), builders(), nil)
		if err != nil {
			return "refused: " + err.Error()
		}
		dispatcher = file.Dispatcher
	} else {
		cfg := d.cfg
		cfg.Resources = append(slices.Clone(cfg.Resources), d.resource)
		var err error
		if dispatcher, err = dispatch.New(&cfg); err != nil {
			return "refused: " + err.Error()
		}
	}
	tx, err := db.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	for _, p := range []people.Person{{ID: "ann", Name: "Ann", Email: "ann@example.com"}, {ID: "bob", Name: "Bob", Email: "bob@example.com"}} {
		require.NoError(t, people.Set(t.Context(), tx, "", p))
	}
	require.NoError(t, preferences.Set(t.Context(), tx, preferences.Preference{Person: "bob", Category: "support", Choice: preferences.Off}))
	kit := dispatchtest.NewWith(t, tx, dispatcher, &dispatchtest.Config{Attachments: &attachments.Config{Folder: "testdata/attachments"}})
	if d.emit != nil {
		err = d.emit(t.Context(), tx, dispatch.For(dispatcher, d.resource))
	} else {
		_, err = dispatcher.Publish(t.Context(), tx)
		require.NoError(t, err)
		_, err = dispatch.EmitPublishedTx(t.Context(), tx, d.event, []byte(`{"id": "1", "user_id": "ann", "second_id": "bob", "extra": "spice"}`), nil)
	}
	if err != nil {
		return "refused: " + err.Error()
	}
	var story strings.Builder
	kit.Advance(d.late)
	tell(t, &story, tx, kit, "now")
	list, err := inbox.List(t.Context(), tx, "", "ann", 10)
	require.NoError(t, err)
	for _, n := range list {
		_, err := inbox.MarkRead(t.Context(), tx, "", "ann", []uuidOf{n.ID})
		require.NoError(t, err)
	}
	kit.Advance(2 * time.Hour)
	tell(t, &story, tx, kit, "later")
	return story.String()
}

// tell writes down every row and every message that an option could change.
func tell(t *testing.T, story *strings.Builder, tx pgx.Tx, kit *dispatchtest.Kit, when string) {
	t.Helper()
	for _, query := range []string{
		`SELECT format('event %s resource=%s/%s tenant=%s actor=%s key=%s at=%s trace=%s', name, resource_type, resource_id, tenant, actor,
			idempotency_key, at - created_at, trace) FROM carillon.events ORDER BY id`,
		`SELECT format('receipt channel=%s transport=%s audience=%s recipient=%s address=%s priority=%s send_after=%s expires_after=%s %s(%s) on_unknown=%s',
			channel, transport, audience, recipient, address, priority, send_at - created_at, expires_at - created_at, state, reason, on_unknown)
			FROM carillon.receipts ORDER BY id`,
		`SELECT format('attempt %s %s', class, detail) FROM carillon.attempts ORDER BY receipt_id, n`,
		`SELECT format('verdicts %s', verdicts) FROM carillon.decisions ORDER BY receipt_id, decided_at`,
		`SELECT format('notification type=%s category=%s title=%s message=%s url=%s label=%s', notification_type, category, title, message,
			action_url, action_label) FROM carillon.notifications ORDER BY id`,
	} {
		rows, err := tx.Query(t.Context(), query)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		for _, line := range lines {
			fmt.Fprintln(story, when, line)
		}
	}
	for _, name := range []string{transports.Email, "pager"} {
		if fake := kit.Fake(name); fake != nil {
			for _, m := range fake.Accepted() {
				fmt.Fprintf(story, "%s sent %s to=%s name=%s", when, name, m.Recipient.Address, m.Recipient.Name)
				for _, f := range m.Content.Fields() {
					fmt.Fprintf(story, " %s=%s;", f.Name, *f.Value)
				}
				fmt.Fprintf(story, " options=%s\n", m.Options)
				for _, f := range m.Files {
					fmt.Fprintf(story, "file %s %s %s [%s]\n", f.Name, f.MediaType, f.ContentID, bytes.TrimSpace(f.Content))
				}
			}
		}
	}
}

func TestEveryOptionChangesWhatItSays(t *testing.T) {
	t.Parallel()
	pool := dbtest.Pool(t)
	for _, o := range options() {
		t.Run(o.name, func(t *testing.T) { // not parallel: the transactions would wait for each other's people
			for _, form := range []string{"Go", "YAML"} {
				if (form == "Go" && o.onlyYAML) || (form == "YAML" && len(o.keys) == 0) {
					continue
				}
				without, with := base(), base()
				if o.given != nil {
					o.given(without)
					o.given(with)
				}
				o.set(with)
				require.NotContains(t, without.trace(t, pool, form == "YAML"), o.want, "%s, without the option", form)
				require.Contains(t, with.trace(t, pool, form == "YAML"), o.want, "%s, with the option", form)
			}
		})
	}
}

// elsewhere names the tests of options that a trace cannot show, each in its file.
var elsewhere = map[string]string{
	"EmitOpts.Savepoint":      "dispatch/emit_test.go TestSavepoint",
	"WorkerConfig.Transports": "dispatch/worker/options_test.go TestOptionTransports", "WorkerConfig.Senders": "dispatch/worker/options_test.go TestOptionSenders",
	"WorkerConfig.LaneSenders": "dispatch/worker/lane_test.go TestOptionLaneSenders",
	"WorkerConfig.Batch":       "dispatch/worker/options_test.go TestOptionBatch", "WorkerConfig.Lease": "dispatch/worker/options_test.go TestOptionLease",
	"WorkerConfig.Name": "dispatch/worker/options_test.go TestOptionLeaseAndName", "WorkerConfig.PollInterval": "dispatch/worker/options_test.go TestOptionPollInterval",
	"WorkerConfig.SendTimeout": "dispatch/worker/options_test.go TestOptionSendTimeout", "WorkerConfig.Grace": "dispatch/worker/worker_test.go TestASendThatOutlivesTheGrace",
	"WorkerConfig.Telemetry": "dispatch/telemetry/worker_test.go TestAcceptedSendsAreCounted",
	"WorkerConfig.Logger":    "dispatch/worker/options_test.go TestOptionLogger", "RetryPolicy.Base": "dispatch/worker/options_test.go TestOptionRetry",
	"WorkerConfig.Delivery": "dispatch/worker/delivery_test.go TestOptionDelivery", "DeliveryConfig.Mode": "dispatch/pipeline/divert_test.go TestModes",
	"DeliveryConfig.Redirect": "dispatch/pipeline/divert_test.go TestModes", "DeliveryConfig.Allow": "dispatch/pipeline/divert_test.go TestModes",
	"DeliveryConfig.Capture": "dispatch/pipeline/divert_test.go TestCapturedMessagesAreFiles", "delivery.": "dispatch/config/delivery_test.go TestDeliveryArrives",
	"RetryPolicy.Cap": "dispatch/worker/options_test.go TestOptionRetry", "RetryPolicy.MaxAttempts": "dispatch/worker/options_test.go TestOptionRetry",
	"RetryPolicy.Deadline": "dispatch/pipeline/retry_test.go TestOptionDeadline", "RetryPolicy.schedule": "dispatch/flow/retry_test.go TestAWebhooksWaits",
	"WorkerConfig.Attachments": "dispatch/worker/attachments_test.go TestOptionAttachments",
	"AttachmentsConfig.Folder": "dispatch/pipeline/attach_test.go TestFilesGoAlong", "AttachmentsConfig.MaxFiles": "dispatch/pipeline/attach_test.go TestWhatMayNot",
	"AttachmentsConfig.MaxFileBytes": "dispatch/pipeline/attach_test.go TestWhatMayNot", "AttachmentsConfig.MaxBytes": "dispatch/pipeline/attach_test.go TestWhatMayNot",
	"attachments.":     "dispatch/config/attachments_test.go TestAttachmentsArrive",
	"Config.Resources": "dispatch/options_test.go TestEveryOption",

	"worker.": "cmd/carillon/wiring_test.go TestWorkerSettings", "database_url": "dispatch/config/load_test.go TestDesignEqualsGo",
	"transports.*": "dispatch/config/load_test.go TestDesignEqualsGo",
}

func TestEveryOptionHasATest(t *testing.T) {
	t.Parallel()
	var fields, keys []string
	for name, of := range map[string]reflect.Type{
		"Config": reflect.TypeFor[dispatch.Config](), "Category": reflect.TypeFor[dispatch.Category](),
		"Resource": reflect.TypeFor[dispatch.Resource[dispatch.Data]](), "Event": reflect.TypeFor[dispatch.Event[dispatch.Data]](),
		"Channel": reflect.TypeFor[dispatch.Channel](), "Content": reflect.TypeFor[dispatch.Content](),
		"DeliveryConfig": reflect.TypeFor[delivery.Config](), "AttachmentsConfig": reflect.TypeFor[attachments.Config](),
		"Attachment": reflect.TypeFor[dispatch.Attachment](),
		"EmitOpts":   reflect.TypeFor[dispatch.EmitOpts](), "WorkerConfig": reflect.TypeFor[worker.Config](),
		"RetryPolicy": reflect.TypeFor[flow.RetryPolicy](),
	} {
		for i := range of.NumField() {
			field := name + "." + of.Field(i).Name
			switch field {
			case "Config.Categories", "Resource.Events", "Event.Channels", "WorkerConfig.Retry":
				continue // Their own fields are in the list.
			}
			fields = append(fields, field)
		}
	}
	for _, o := range options() {
		fields = slices.DeleteFunc(fields, func(f string) bool { return slices.Contains(o.fields, f) })
		keys = append(keys, o.keys...)
	}
	rest := slices.DeleteFunc(config.Keys(), func(k string) bool { return slices.Contains(keys, k) })
	for option, test := range elsewhere {
		file, name, _ := strings.Cut(test, " ")
		source, err := os.ReadFile("../" + file)
		require.NoError(t, err)
		require.Contains(t, string(source), "func "+name, option)
		fields = slices.DeleteFunc(fields, func(f string) bool { return f == option })
		rest = slices.DeleteFunc(rest, func(k string) bool {
			return k == option || (strings.HasSuffix(option, ".") && strings.HasPrefix(k, option))
		})
	}
	require.Empty(t, fields, "options in Go that no test observes")
	require.Empty(t, rest, "keys of carillon.yaml that no test observes")
}
