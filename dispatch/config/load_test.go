package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/dispatch/internal/registry"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/transports"
)

func TestDesignEqualsGo(t *testing.T) {
	t.Parallel()
	file := parse(t, string(testdata(t, "design.yaml")))

	sample := dispatch.Data{"order_number": "A7", "user_id": "1"}
	inGo, err := dispatch.New(&dispatch.Config{
		PublicURL:  "https://shop.example.com",
		People:     people.SQL{Query: "select id, name, email, phone, locale, timezone from app.users where id = any($1::text[])"},
		Transports: []transports.Spec{slackSpec()},
		Categories: []dispatch.Category{
			{Name: "orders", Label: "Order updates"}, {Name: "security", Label: "Security", Mandatory: true},
		},
		Resources: []dispatch.Declaration{dispatch.Resource[dispatch.Data]{
			Name: "orders",
			Audiences: map[string]dispatch.Audience{
				"user":  dispatch.Field("user_id"),
				"admin": dispatch.SQL("select id from app.users where admin"),
				"ops":   dispatch.Fixed("gongs", "#orders"),
			},
			Events: []dispatch.Event[dispatch.Data]{{
				Name: "created", Category: "orders", NotificationType: dispatch.Success, Sample: &sample,
				Channels: []dispatch.Channel{
					{Transport: transports.InApp, Audience: "user"},
					{Transport: transports.Email, Audience: "user", Delay: 5 * time.Minute, Policy: dispatch.SkipIfRead},
				},
				Content: dispatch.Content{
					Subject: "Order #{{ order_number }} created",
					Title:   "Your order was created",
					Message: "Order #{{ order_number }} is being processed",
				},
			}},
		}},
	})
	require.NoError(t, err)

	requireEqual(t, inGo, file.Dispatcher, sample)
	require.Equal(t, "postgres://localhost/shop", file.DatabaseURL.Reveal())
	require.Len(t, file.Transports, 3)
	require.Zero(t, file.Worker)
}

func TestEveryKeyArrives(t *testing.T) {
	t.Parallel()
	file := parse(t, string(testdata(t, "full.yaml")))

	buyer := map[string]any{"id": "1"}
	sample := dispatch.Data{
		"code": "A7", "total": 12.5, "gift": false, "buyer": buyer,
		"items": []any{map[string]any{"name": "Bell", "count": 2}},
	}
	inGo, err := dispatch.New(&dispatch.Config{
		PublicURL:  "https://shop.example.com",
		People:     people.SQL{Query: "select id, email from app.users where id = any($1)"},
		Transports: []transports.Spec{slackSpec()},
		Categories: []dispatch.Category{{Name: "orders", Label: "Order updates", Mandatory: true}},
		Resources: []dispatch.Declaration{dispatch.Resource[dispatch.Data]{
			Name: "shop.orders",
			Audiences: map[string]dispatch.Audience{
				"user":  dispatch.Field("buyer.id"),
				"admin": dispatch.SQL("select id from app.users where admin"),
				"desk":  dispatch.Fixed(transports.Email, "desk@example.com").And("gongs", "#desk"),
			},
			Events: []dispatch.Event[dispatch.Data]{fullCreated(&sample), {
				Name: "paid", Priority: dispatch.Bulk, Sample: &sample,
				Channels: []dispatch.Channel{
					{Transport: transports.InApp, Audience: "user"}, {Transport: transports.Email, Audience: "user"},
				},
				Content: dispatch.Content{
					Subject: "Paid", Title: "You paid", Message: "${{ total }} paid",
					Text: "Dear reader", HTML: "<b>Dear reader</b>",
					From: "Shop <shop@example.com>", ReplyTo: "shop@example.com",
					ActionURL: "https://shop.example.com", ActionLabel: "Shop",
				},
			}},
		}},
	})
	require.NoError(t, err)

	requireEqual(t, inGo, file.Dispatcher, sample)
	require.Equal(t, "postgres://carillon:pg-s3cret@localhost:5432/shop", file.DatabaseURL.Reveal())
	require.Equal(t, config.Worker{
		Senders: 16, LaneSenders: map[string]int{"email_bulk": 4}, Batch: 100, Lease: 20 * time.Second, PollInterval: 500 * time.Millisecond,
		SendTimeout: time.Minute, Grace: 30 * time.Second, Monitor: "127.0.0.1:9100",
		Retry: config.Retry{Base: time.Second, Cap: 10 * time.Minute, Deadline: 48 * time.Hour, MaxAttempts: 5},
	}, file.Worker)
	require.Equal(t, &delivery.Config{
		Mode: delivery.Redirect, Redirect: map[string]string{"email": "dev@example.com"},
		Allow: map[string][]string{"email": {"example.com"}}, Capture: "./outbox",
	}, file.Delivery)
	require.Equal(t, &attachments.Config{Folder: "/srv/files", MaxFiles: 5, MaxFileBytes: 1000, MaxBytes: 2000}, file.Attachments)
	verbose := true
	require.Equal(t, slackConfig{
		WebhookURL: "https://hooks.example.com/services/T0PSECRET", Retries: 16, Ratio: 0.5, Verbose: &verbose,
		Names: []string{"a", "b"}, Extra: map[string]any{"a": []any{uint64(1)}},
	}, file.Transports[2].(*gongs).slackConfig)
}

func fullCreated(sample *dispatch.Data) dispatch.Event[dispatch.Data] {
	return dispatch.Event[dispatch.Data]{
		Name: "created", Category: "orders", NotificationType: dispatch.Warning, Priority: dispatch.Critical,
		ExpiresAfter: 60 * time.Hour, Retry: dispatch.RetryCode, Sample: sample,
		Channels: []dispatch.Channel{
			{
				Transport: transports.InApp, Audience: "user",
				Content: dispatch.Content{
					Title: "For you", Message: "Look, {{ code }}", ActionURL: "{{ public_url }}/orders", ActionLabel: "Show",
				},
			},
			{
				Name: "mail", Transport: transports.Email, Audience: "user", Delay: 90 * time.Second, Policy: dispatch.SkipIfRead,
				Retry:     dispatch.RetryChat,
				OnUnknown: dispatch.Park,
				Content: dispatch.Content{
					Subject: "Cost: ${{ total }}", Text: "Dear customer", HTML: "<p>{{ code }}</p>",
					From: "Orders <orders@example.com>", ReplyTo: "orders@example.com",
				},
				Attachments: []dispatch.Attachment{{
					File: "invoices/{{ code }}.pdf", Name: "Invoice {{ code }}.pdf", MediaType: "application/pdf", ContentID: "invoice",
				}},
			},
			{Transport: transports.Email, Audience: "admin"},
			{Transport: transports.InApp, Audience: "admin"},
			{Transport: "gongs", Audience: "desk", Content: dispatch.Content{Title: "Desk"}, Options: slackOptions{
				Thread: "order-{{ code }}", Color: "red", Loud: true, Height: 5, Weight: 1.5, After: 90 * time.Second,
				Tags: []string{"a", "{{ code }}"}, Details: map[string]string{"Total": "{{ total }}"},
			}},
		},
		Attachments: []dispatch.Attachment{{File: "logo.png", Name: "Logo.png", MediaType: "image/png", ContentID: "logo"}},
		Content:     dispatch.Content{Subject: "Order {{ code }}", Title: "Order", Message: "Order {{ code }}\nThank you\n"},
		ContentFor: map[string]dispatch.Content{
			transports.Email: {
				Subject: "New: {{ code }}", Message: "{{ range items }}{{ name }}{{ end }}",
				Text: "Dear admin", HTML: "<b>Dear admin</b>",
				From: "Admin <admin@example.com>", ReplyTo: "admin@example.com",
			},
			transports.InApp: {Title: "News", ActionURL: "https://shop.example.com/news", ActionLabel: "News"},
		},
	}
}

// requireEqual compares two dispatchers by everything that emit, the pipeline and the worker ask them.
func requireEqual(t *testing.T, want, got *dispatch.Dispatcher, data dispatch.Data) {
	t.Helper()
	w, g := want.Registry(), got.Registry()
	require.Equal(t, w.PublicURL, g.PublicURL)
	require.Equal(t, w.Directory, g.Directory)
	require.Equal(t, w.Categories, g.Categories)
	require.Equal(t, w.Specs(), g.Specs())
	require.Len(t, g.Events(), len(w.Events()))
	for i, event := range w.Events() {
		other := g.Events()[i]
		require.Len(t, other.Channels, len(event.Channels))
		for j, channel := range event.Channels {
			requireEqualChannel(t, channel, other.Channels[j], data)
		}
		plain, otherPlain := *event, *other
		plain.Channels, otherPlain.Channels = nil, nil
		require.Equal(t, plain, otherPlain)
	}
}

func requireEqualChannel(t *testing.T, want, got *registry.Channel, data dispatch.Data) {
	t.Helper()
	for i, field := range want.Templates {
		require.Equal(t, field.Name, got.Templates[i].Name)
		require.Equal(t, field.Template.Variables(), got.Templates[i].Template.Variables())
	}
	vars := map[string]any{"public_url": "https://shop.example.com"}
	for name, value := range data {
		vars[name] = value
	}
	wantContent, err := want.Render(vars)
	require.NoError(t, err)
	gotContent, err := got.Render(vars)
	require.NoError(t, err)
	require.Equal(t, wantContent, gotContent)
	wantOptions, err := want.Options.Render(vars)
	require.NoError(t, err)
	gotOptions, err := got.Options.Render(vars)
	require.NoError(t, err)
	require.Equal(t, string(wantOptions), string(gotOptions))
	wantFiles, err := want.RenderAttachments(vars)
	require.NoError(t, err)
	gotFiles, err := got.RenderAttachments(vars)
	require.NoError(t, err)
	require.Equal(t, wantFiles, gotFiles)

	subject := registry.Subject{Data: []byte(`{"user_id":"u7","buyer":{"id":["b1","b2"]}}`)}
	wantFound, wantErr := want.Resolve(t.Context(), echo{}, subject)
	gotFound, gotErr := got.Resolve(t.Context(), echo{}, subject)
	require.Equal(t, wantFound, gotFound)
	require.Equal(t, wantErr, gotErr)

	plain, otherPlain := *want, *got
	plain.Resolve, plain.Templates, otherPlain.Resolve, otherPlain.Templates = nil, nil, nil, nil
	plain.Options, otherPlain.Options = nil, nil
	plain.Attachments, otherPlain.Attachments = nil, nil
	require.Equal(t, plain, otherPlain)
}

// echo answers a query with an error that bears it.
type echo struct{}

func (echo) Query(_ context.Context, sql string, _ ...any) (pgx.Rows, error) {
	return nil, errors.New(sql)
}

func TestEmptyFileHasNothing(t *testing.T) {
	t.Parallel()
	for _, source := range []string{"", "# nothing\n", "---\n", "\ufeffevents:\npeople: ~\nworker:\n"} {
		file := parse(t, source)
		require.Empty(t, file.Dispatcher.Registry().Events())
		require.Empty(t, file.DatabaseURL)
		require.Equal(t, people.Table{}, file.Dispatcher.Registry().Directory)
		require.Len(t, file.Transports, 1, "in_app needs no section")
	}
}

// not parallel: sets the environment
func TestLoad(t *testing.T) {
	t.Setenv("CARILLON_TEST_DATABASE", "postgres://localhost/test")
	path := filepath.Join(t.TempDir(), "carillon.yaml")

	_, err := config.Load(path, two())
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, os.WriteFile(path, []byte("database_url: ${CARILLON_TEST_DATABASE}\n"), 0o600))
	file, err := config.Load(path, two())
	require.NoError(t, err)
	require.Equal(t, "postgres://localhost/test", file.DatabaseURL.Reveal())

	require.NoError(t, os.WriteFile(path, []byte("\ndatabase_ulr: x\n"), 0o600))
	_, err = config.Load(path, two())
	require.ErrorContains(t, err, path+":2:1: database_ulr: unknown key (did you mean database_url?")
}

func TestTwoBuildersOfOneName(t *testing.T) {
	t.Parallel()
	_, err := config.Parse("c.yaml", nil, append(two(), emailBuilder()), nil)
	require.EqualError(t, err, `parse configuration: two builders are called "email"`)
}
