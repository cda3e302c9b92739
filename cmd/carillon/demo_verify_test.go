package main

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// goodFacts is a small run with nothing wrong. Its receipts are a mail that took two tries, a delayed mail, one skipped,
// and a notification.
func goodFacts() *demoFacts {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	later := now.Add(2 * time.Second)
	f := &demoFacts{
		Told:   []string{"a.b", "a.b", "c.d"},
		Events: []string{"c.d", "a.b", "a.b"},
		Mails:  []string{"second@x", "first@x"},
	}
	for _, r := range []demoReceipt{
		{Transport: transports.Email, State: receipts.Sent, Reason: receipts.Accepted, MessageID: "first@x"},
		{Transport: transports.Email, State: receipts.Sent, Reason: receipts.Accepted, MessageID: "second@x", SendAt: &now},
		{Transport: transports.Email, State: receipts.Skipped, Reason: receipts.OptedOut},
		{Transport: transports.InApp, State: receipts.Sent, Reason: receipts.Accepted},
	} {
		r.ID, r.FinishedAt = uuid.New(), &later
		f.Receipts = append(f.Receipts, r)
	}
	f.Receipts[0].Attempts = 2
	f.Devices = map[string][]string{"noor": {"laptop", "phone"}}
	for _, transport := range []string{transports.Slack, transports.Discord, transports.SMS, transports.Webhook, transports.WebPush} {
		r := demoReceipt{
			Transport: transport, Recipient: "noor", State: receipts.Sent, Reason: receipts.Accepted, ID: uuid.New(), FinishedAt: &later,
		}
		f.Receipts = append(f.Receipts, r)
		m := demoMessage{Transport: transport, Receipt: digits(r.ID.String())[2:]} // as Discord's nonce has it
		if transport == transports.WebPush {
			m.Device = "laptop"
			f.Arrived = append(f.Arrived, m)
			m.Device = "phone"
		}
		f.Arrived = append(f.Arrived, m)
	}
	f.Notifications = []uuid.UUID{f.Receipts[3].ID}
	return f
}

func TestDemoChecksPassAGoodRun(t *testing.T) {
	t.Parallel()
	results := verifyDemo(goodFacts())
	require.Len(t, results, len(demoChecks))
	require.NoError(t, demoFailure(results))
}

// Every check is seen red, each time for its own reason, and no other check with it unless it is named.
func TestDemoChecksGoRed(t *testing.T) {
	t.Parallel()
	const (
		events = iota
		ended
		outcomes
		mails
		inboxes
		inSlack
		inDiscord
		texts
		webhooks
		browsers
		optedOut
		delayed
		retried
	)
	red := map[int]bool{}
	for _, c := range []struct {
		name     string
		sabotage func(*demoFacts)
		red      []int
		says     string
	}{
		{"too few events", func(f *demoFacts) { f.Told, f.Events = f.Told[:2], f.Told[:2] }, []int{events}, "there were 2"},
		{"an event is missing", func(f *demoFacts) { f.Told = append(f.Told, "e.f") }, []int{events}, `event "e.f" is missing`},
		{"an event of a refused action", func(f *demoFacts) { f.Events = append(f.Events, "a.b") }, []int{events}, `event "a.b" is one too many`},
		{"a receipt has not ended", func(f *demoFacts) {
			f.Receipts = append(f.Receipts, demoReceipt{
				Event: "a.b", Channel: "email.user", Recipient: "1", State: receipts.Waiting, Reason: receipts.Retry,
			})
		}, []int{ended, outcomes}, "a.b email.user to 1 is waiting(retry)"},
		{"a receipt has failed", func(f *demoFacts) {
			f.Receipts = append(f.Receipts, demoReceipt{State: receipts.Failed, Reason: receipts.Exhausted})
		}, []int{outcomes}, "is failed(exhausted)"},
		{"a mail is missing", func(f *demoFacts) { f.Mails = f.Mails[1:] }, []int{mails}, `mail "second@x" is missing`},
		{"a mail came twice", func(f *demoFacts) { f.Mails = append(f.Mails, "first@x") }, []int{mails}, `mail "first@x" is one too many`},
		{"a mail of nobody", func(f *demoFacts) { f.Mails = append(f.Mails, "third@x") }, []int{mails}, `mail "third@x" is one too many`},
		{"a mail that could not be read", func(f *demoFacts) { f.Mails[0] = "" }, []int{mails}, `mail "" is one too many; mail "second@x" is missing`},
		{"another mail in its place", func(f *demoFacts) { f.Mails[0] = "first@x" }, []int{mails}, `mail "second@x" is missing`},
		{"no mail at all", func(f *demoFacts) {
			f.Mails = nil
			f.Receipts = f.Receipts[2:]
		}, []int{mails, delayed, retried}, "none was sent"},
		{"empty inboxes", func(f *demoFacts) { f.Notifications = nil }, []int{inboxes}, "they are empty"},
		{"no notification and no promise of one", func(f *demoFacts) {
			f.Notifications = nil
			f.Receipts = slices.Delete(f.Receipts, 3, 4)
		}, []int{inboxes}, "they are empty"},
		{"a notification of nobody", func(f *demoFacts) {
			f.Notifications = append(f.Notifications, uuid.Nil)
		}, []int{inboxes}, `notification "00000000-0000-0000-0000-000000000000" is one too many`},
		{"nobody opted out", func(f *demoFacts) { f.Receipts = slices.Delete(f.Receipts, 2, 3) }, []int{optedOut}, "0 were"},
		{"two opted out", func(f *demoFacts) { f.Receipts = append(f.Receipts, f.Receipts[2]) }, []int{optedOut}, "2 were"},
		{"nothing was delayed", func(f *demoFacts) { f.Receipts[1].SendAt = nil }, []int{delayed}, "none was delayed"},
		{"what was delayed is not sent", func(f *demoFacts) {
			f.Receipts[1].State, f.Mails = receipts.Expired, f.Mails[1:]
		}, []int{outcomes, delayed}, "none was delayed"},
		{"a delayed mail was early", func(f *demoFacts) {
			soon := f.Receipts[1].FinishedAt.Add(time.Millisecond)
			f.Receipts[1].SendAt = &soon
		}, []int{delayed}, "was sent 1ms early"},
		{"nothing needed a second try", func(f *demoFacts) { f.Receipts[0].Attempts = 1 }, []int{retried}, "0 did"},
		{"two needed a second try", func(f *demoFacts) { f.Receipts[1].Attempts = 2 }, []int{retried}, "2 did"},
		{"one needed a third try", func(f *demoFacts) { f.Receipts[0].Attempts = 3 }, []int{retried}, "is sent(accepted) after 3 tries"},
		{"the second try was of no use", func(f *demoFacts) {
			f.Receipts[0].State, f.Receipts[0].Reason, f.Mails = receipts.Failed, receipts.Rejected, f.Mails[:1]
		}, []int{outcomes, retried}, "is failed(rejected) after 2 tries"},
		{"nothing at all", func(f *demoFacts) { *f = demoFacts{} }, []int{
			events, ended, outcomes, mails, inboxes, inSlack, inDiscord, texts, webhooks, browsers, optedOut, delayed, retried,
		}, "there is none"},
		{"a message in Slack is missing", func(f *demoFacts) { f.Arrived = f.Arrived[1:] }, []int{inSlack}, "is missing"},
		{"a message in Slack came twice", func(f *demoFacts) {
			f.Arrived = append(f.Arrived, f.Arrived[0])
		}, []int{inSlack}, "is one too many"},
		{"no receipt of Slack was sent", func(f *demoFacts) {
			f.Receipts, f.Arrived = slices.Delete(f.Receipts, 4, 5), f.Arrived[1:]
		}, []int{inSlack}, "none was sent"},
		{"a message in Discord is of nobody", func(f *demoFacts) {
			f.Arrived = append(f.Arrived, demoMessage{Transport: transports.Discord, Receipt: "beef"})
		}, []int{inDiscord}, `message "beef" is one too many`},
		{"a message in Discord names no receipt", func(f *demoFacts) { f.Arrived[1].Receipt = "" }, []int{inDiscord}, `message "" is one too many`},
		{"a text is missing", func(f *demoFacts) { f.Arrived = slices.Delete(f.Arrived, 2, 3) }, []int{texts}, "is missing"},
		{"a text came as a webhook", func(f *demoFacts) {
			f.Arrived[2].Transport = transports.Webhook
		}, []int{texts, webhooks}, "is missing"},
		{"a webhook came twice", func(f *demoFacts) { f.Arrived = append(f.Arrived, f.Arrived[3]) }, []int{webhooks}, "is one too many"},
		{"a browser showed nothing", func(f *demoFacts) { f.Arrived = f.Arrived[:5] }, []int{browsers}, " on phone\" is missing"},
		{"a browser showed it twice", func(f *demoFacts) {
			f.Arrived[5].Device = "laptop"
		}, []int{browsers}, " on laptop\" is one too many"},
	} {
		f := goodFacts()
		c.sabotage(f)
		results := verifyDemo(f)
		var wrong []int
		for i, r := range results {
			if r.Wrong != "" {
				wrong = append(wrong, i)
				red[i] = true
			}
		}
		require.Equal(t, c.red, wrong, c.name)
		require.ErrorContains(t, demoFailure(results), c.says, c.name)
	}
	require.Len(t, red, len(demoChecks), "no check that cannot fail")
}
