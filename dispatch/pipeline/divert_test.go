package pipeline_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// deliverAs runs what is due through a pipeline of the same declarations with another mode.
func (b *bundle) deliverAs(t *testing.T, r dispatch.Resource[order], mode *delivery.Config, mail transports.Transport, later ...time.Duration) {
	t.Helper()
	now := b.Now
	if len(later) > 0 {
		now = func() time.Time { return b.Now().Add(later[0]) }
	}
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{r}, Categories: []dispatch.Category{{Name: "orders", Label: "Order updates"}},
	})
	require.NoError(t, err)
	store := receipts.New(&receipts.Config{NowFunc: now})
	p, err := pipeline.New(&pipeline.Config{
		Dispatcher: d, Transports: []transports.Transport{mail, inapp.New()}, Store: store, Delivery: mode,
	})
	require.NoError(t, err)
	for _, lane := range []string{"email_default", "in_app_default"} {
		for {
			_, err := store.Promote(t.Context(), b.tx, []string{lane})
			require.NoError(t, err)
			batch, err := store.Claim(t.Context(), b.tx, receipts.ClaimParams{
				Lane: lane, Own: []uuid.UUID{}, More: 100, Lease: time.Hour, Worker: "test",
			})
			require.NoError(t, err)
			if len(batch.Receipts) == 0 {
				break
			}
			require.NoError(t, p.Run(t.Context(), b.tx, batch))
		}
	}
}

// TestModes sends to a customer, a colleague and a fixed address, in every mode.
func TestModes(t *testing.T) {
	t.Parallel()
	r := resource(nil, emailTo("others"), emailTo("ops"), inAppTo("user"))
	allow := map[string][]string{transports.Email: {"ops@example.com", "colleague.example"}}
	redirect := map[string]string{transports.Email: "dev@example.com"}
	for name, c := range map[string]struct {
		mode *delivery.Config
		want []string
		sent []string
	}{
		"none":    {nil, []string{"ann: sent(accepted)", "dora: sent(accepted)", "ops: sent(accepted)"}, []string{"ann@example.com", "dora@example.com", "ops@example.com"}},
		"live":    {&delivery.Config{Mode: delivery.Live, Redirect: redirect}, []string{"ann: sent(accepted)", "dora: sent(accepted)", "ops: sent(accepted)"}, []string{"ann@example.com", "dora@example.com", "ops@example.com"}},
		"capture": {&delivery.Config{Mode: delivery.Capture, Redirect: redirect}, []string{"ann: skipped(captured)", "dora: skipped(captured)", "ops: skipped(captured)"}, nil},
		"capture with an allow-list": {
			&delivery.Config{Mode: delivery.Capture, Allow: allow},
			[]string{"ann: skipped(captured)", "dora: skipped(captured)", "ops: sent(accepted)"},
			[]string{"ops@example.com"},
		},
		"redirect": {
			&delivery.Config{Mode: delivery.Redirect, Redirect: redirect, Allow: allow},
			[]string{"ann: sent(accepted)", "dora: sent(accepted)", "ops: sent(accepted)"},
			[]string{"dev@example.com", "dev@example.com", "ops@example.com"},
		},
		"redirect of another transport": {
			&delivery.Config{Mode: delivery.Redirect, Redirect: map[string]string{"slack": "#dev"}},
			[]string{"ann: skipped(captured)", "dora: skipped(captured)", "ops: skipped(captured)"},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, r)
			mail := transporttest.NewFake(transports.Email, nil)
			event := b.emit(t, numbered("ann", "ann", "dora"), nil)
			b.deliverAs(t, r, c.mode, mail)
			var addresses, want []string
			for _, m := range mail.Tried() {
				addresses = append(addresses, m.Recipient.Address)
				require.NotEmpty(t, m.Content.Subject)
			}
			require.ElementsMatch(t, c.sent, addresses, "a real host is not reached by accident")
			states := b.states(event)
			for _, line := range c.want {
				who, state, _ := strings.Cut(line, ": ")
				for key, got := range states {
					if strings.HasPrefix(key, "email "+who) || (who == "ops" && strings.HasPrefix(key, "email ops")) {
						want = append(want, key)
						require.Equal(t, state, got, key)
					}
				}
			}
			require.Len(t, want, 3)
			require.Equal(t, "sent(accepted)", states["in_app ann"], "the inbox is in the house")
			if name == "redirect" {
				for _, receipt := range b.Receipts(event) {
					if receipt.Recipient == "dora" && receipt.Transport == transports.Email {
						require.Equal(t, "dev@example.com", receipt.Address)
						require.Contains(t, detail(b, receipt.ID), "redirected to dev@example.com")
					}
				}
			}
		})
	}
}

func detail(b *bundle, receipt uuid.UUID) string {
	var all strings.Builder
	for _, d := range b.Decisions(receipt) {
		for _, v := range d.Verdicts {
			all.WriteString(v.Rule + ": " + v.Detail + "\n")
		}
	}
	return all.String()
}

// TestAChangeOfModeHoldsForWhatWasRenderedBefore fails a live send, and tries again in each mode.
func TestAChangeOfModeHoldsForWhatWasRenderedBefore(t *testing.T) {
	t.Parallel()
	r := resource(nil, emailTo("user"))
	b := setup(t, r)
	mail := scripted(transports.Errorf(transports.Transient, "later"), transports.Errorf(transports.Transient, "later"))
	event := b.emit(t, numbered("ann"), nil)
	b.deliverAs(t, r, nil, mail)
	require.Equal(t, "waiting(retry)", b.states(event)["email ann"])

	b.deliverAs(t, r, &delivery.Config{Mode: delivery.Redirect, Redirect: map[string]string{transports.Email: "dev@example.com"}}, mail, aWhile)
	require.Equal(t, "waiting(retry)", b.states(event)["email ann"])
	tried := mail.Tried()
	require.Len(t, tried, 2)
	require.Equal(t, "dev@example.com", tried[1].Recipient.Address)
	require.Equal(t, tried[0].Content, tried[1].Content)

	b.deliverAs(t, r, &delivery.Config{Mode: delivery.Capture}, mail, 2*aWhile)
	require.Equal(t, "skipped(captured)", b.states(event)["email ann"])
	require.Len(t, mail.Tried(), 2)
}

func TestCapturedMessagesAreFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "outbox")
	mode := &delivery.Config{Mode: delivery.Capture, Capture: dir}
	r := resource(nil, emailTo("user"))
	mail, err := email.New(&email.Config{SMTP: "smtp://mail.example.com", From: "shop@example.com"})
	require.NoError(t, err)
	for extension, transport := range map[string]transports.Transport{
		".json": transporttest.NewFake(transports.Email, nil), ".eml": mail,
	} {
		b := setup(t, r)
		event := b.emit(t, numbered("ann"), nil)
		b.deliverAs(t, r, mode, transport)
		require.Equal(t, "skipped(captured)", b.states(event)["email ann"])
		name := filepath.Join(dir, transports.Email, b.Receipts(event)[0].ID.String()+extension)
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Contains(t, string(content), "Order #A7 created")
		require.Contains(t, string(content), "ann@example.com")
		if extension == ".json" {
			var m transports.Message
			require.NoError(t, json.Unmarshal(content, &m))
			require.Equal(t, "Order #A7 is being processed", m.Content.Message)
		}
	}
}

func TestWhatCannotBeCapturedIsTriedAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r := resource(nil, emailTo("user"))
	b := setup(t, r)
	event := b.emit(t, numbered("ann"), nil)
	mail := transporttest.NewFake(transports.Email, nil)
	b.deliverAs(t, r, &delivery.Config{Mode: delivery.Capture, Capture: file}, mail)
	require.Equal(t, "waiting(retry)", b.states(event)["email ann"])
	require.Empty(t, mail.Tried())
}

// aimed keeps its recipients in the database, as webhooks do.
type aimed struct{ *transporttest.Fake }

func (aimed) Targets(_ context.Context, _ transports.Querier, _ time.Time, ms []transports.Message) ([]transports.Target, error) {
	targets := make([]transports.Target, len(ms))
	for i := range targets {
		targets[i].Value = "https://customer.example"
	}
	return targets, nil
}

func (aimed) Report(context.Context, transports.Querier, time.Time, []transports.Outcome) ([]transports.Notice, error) {
	return nil, nil
}

func TestATargetIsNeitherAllowedNorRedirected(t *testing.T) {
	t.Parallel()
	r := resource(nil, emailTo("user"))
	for _, mode := range []*delivery.Config{
		{Mode: delivery.Redirect, Redirect: map[string]string{transports.Email: "dev@example.com"}},
		{Mode: delivery.Capture, Allow: map[string][]string{transports.Email: {"ann@example.com"}}},
	} {
		b := setup(t, r)
		mail := transporttest.NewFake(transports.Email, nil)
		event := b.emit(t, numbered("ann"), nil)
		b.deliverAs(t, r, mode, aimed{mail})
		require.Equal(t, "skipped(captured)", b.states(event)["email ann"])
		require.Empty(t, mail.Tried())
	}
}

func TestAPlanShowsTheMode(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "outbox")
	r := resource(nil, emailTo("user"), emailTo("ops"), inAppTo("user"))
	p := setupPlans(t, r)
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}, Categories: []dispatch.Category{{Name: "orders"}}})
	require.NoError(t, err)
	plan := func(mode *delivery.Config) []string {
		p.Planner, err = pipeline.NewPlanner(d, &pipeline.PlannerConfig{Delivery: mode})
		require.NoError(t, err)
		return outcomes(p.plan(t, numbered("ann"), nil))
	}
	require.Equal(t, []string{
		"email.user to ann at ann@example.com: skip(captured)", "email.ops to ops@example.com: send", "in_app.user to ann: send",
	}, plan(&delivery.Config{Mode: delivery.Capture, Capture: dir, Allow: map[string][]string{transports.Email: {"ops@example.com"}}}))
	require.Equal(t, []string{
		"email.user to ann at dev@example.com: send", "email.ops to dev@example.com: send", "in_app.user to ann: send",
	}, plan(&delivery.Config{Mode: delivery.Redirect, Redirect: map[string]string{transports.Email: "dev@example.com"}}))
	_, err = os.Stat(dir)
	require.ErrorIs(t, err, os.ErrNotExist, "a plan writes no files")
}
