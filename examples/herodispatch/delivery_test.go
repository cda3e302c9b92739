package herodispatch_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/examples/herodispatch"
	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// deliver runs a worker until the test ends, and returns the server that gets its mail.
func (b *bundle) deliver(t *testing.T) *smtpsink.Server {
	t.Helper()
	sink, err := smtpsink.Start(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close()) })
	mail, err := email.New(&email.Config{SMTP: transports.Secret(sink.URL()), From: "office@herodispatch.example"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, mail.Close(context.WithoutCancel(t.Context()))) })
	carriers := []transports.Transport{mail, inapp.New()}
	for _, spec := range []transports.Spec{
		transports.SlackSpec(), transports.DiscordSpec(), transports.SMSSpec(), transports.WebhookSpec(), transports.WebPushSpec(),
	} {
		carriers = append(carriers, transporttest.NewFake(spec.Name, &transporttest.FakeConfig{Spec: spec}))
	}
	w, err := worker.New(b.pool, b.dispatcher, &worker.Config{Transports: carriers})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return sink
}

// inboxOf waits for the person's n-th notification and returns all, first one first.
func (b *bundle) inboxOf(t *testing.T, person string, n int) []inbox.Notification {
	t.Helper()
	var list []inbox.Notification
	require.Eventually(t, func() bool {
		var err error
		list, err = inbox.List(t.Context(), b.pool, "", person, 100)
		return err == nil && len(list) >= n
	}, 20*time.Second, 20*time.Millisecond)
	slices.SortFunc(list, func(x, y inbox.Notification) int { return x.CreatedAt.Compare(y.CreatedAt) })
	require.Len(t, list, n)
	return list
}

func TestWhatPeopleRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sink := b.deliver(t)
	incident, err := b.ReportIncident(t.Context(), herodispatch.Report{
		Reporter: "noor", Type: "flood", Description: "Water & <mud>.", Location: "Quay 4", Priority: herodispatch.Critical,
	})
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	mails, err := sink.Wait(ctx, 2)
	require.NoError(t, err)
	slices.SortFunc(mails, func(x, y smtpsink.Message) int { return len(x.HTML) - len(y.HTML) })
	toDesk, toReporter := mails[0], mails[1]
	require.Equal(t, "CRITICAL: flood at Quay 4", toDesk.Subject)
	require.Contains(t, toDesk.Text, "Ines Duarte, an incident of critical priority was reported: Water & <mud>.")
	require.Equal(t, "We have your report: flood at Quay 4", toReporter.Subject)
	require.Contains(t, toReporter.HTML, "Dear Noor Haddad,")
	require.Contains(t, toReporter.HTML, "Water &amp; &lt;mud&gt;.", "markup is escaped")
	require.Contains(t, toReporter.HTML, "Stay clear of it")
	require.Contains(t, toReporter.HTML, herodispatch.PublicURL+"/incidents/"+incident.ID.String())
	require.Contains(t, toReporter.Text, "Dear Noor Haddad,", "a text is made from the markup")

	b.assign(t, incident.ID, "mara")
	require.Contains(t, b.inboxOf(t, "mara", 1)[0].Message, "You are the first.")
	b.assign(t, incident.ID, "teo")
	require.Contains(t, b.inboxOf(t, "teo", 1)[0].Message, "You are 2 on it.")
	_, err = b.MarkIncidentDispatched(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Equal(t, "2 heroes are on the way to Quay 4.", b.inboxOf(t, "noor", 1)[0].Message)
	_, err = b.As("ines").CloseIncident(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Equal(t, "You can go home", b.inboxOf(t, "teo", 2)[1].Title)
	require.Equal(t, "ines closed it. 2 more free now.", b.inboxOf(t, "ines", 2)[1].Message)
	_, err = b.ReopenIncident(t.Context(), incident.ID)
	require.NoError(t, err)
	require.Equal(t, "Somebody reopened it: Water & <mud>.", b.inboxOf(t, "ines", 3)[2].Message)
	_, err = b.MarkHeroUnavailable(t.Context(), "mara")
	require.NoError(t, err)
	require.Equal(t, "Northwind is unavailable", b.inboxOf(t, "ines", 4)[3].Title)
}

// Only dispatchers on duty are told, and nobody twice: one who reports is told as the reporter.
func TestWhoIsToldOfAReport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deliver(t)
	for _, p := range []herodispatch.Person{
		{ID: "olga", Name: "Olga", Role: herodispatch.Dispatcher},
		{ID: "pavel", Name: "Pavel", Role: herodispatch.Dispatcher, OnDuty: true},
	} {
		require.NoError(t, b.AddPerson(t.Context(), p))
	}
	_, err := b.ReportIncident(t.Context(), herodispatch.Report{
		Reporter: "ines", Type: "fire", Description: "It burns.", Location: "Mill",
	})
	require.NoError(t, err)
	var told []string
	require.Eventually(t, func() bool {
		list, err := receipts.New(nil).List(t.Context(), b.pool, receipts.Filter{Event: "incidents.reported"})
		told = nil
		for _, r := range list {
			if !r.State.Terminal() {
				return false
			}
			told = append(told, r.Channel+" "+r.Recipient)
		}
		return err == nil && len(list) > 0
	}, 20*time.Second, 20*time.Millisecond)
	require.ElementsMatch(t, []string{
		"in_app.dispatchers pavel", "email.dispatchers pavel", "email.reporter ines", "slack.room ", "webhook.city_hall ",
	}, told)
}
