package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// demoCheck is one thing that must be true of a run.
type demoCheck struct {
	name string
	// judge returns what is wrong, or "".
	judge func(*demoFacts) string
}

// demoResult is a check's outcome; empty if it holds.
type demoResult struct{ Name, Wrong string }

// demoChecks is everything that the demo must show.
var demoChecks = []demoCheck{
	{"at least three events happened, just those of the story", checkEvents},
	{"every receipt has ended", checkEnded},
	{"every receipt was sent, or skipped as opted out", checkOutcomes},
	{"the mails that arrived are those that receipts call sent", checkMails},
	{"the inboxes hold what receipts call sent", checkInboxes},
	{"the messages in Slack are those that receipts call sent", checkArrived(transports.Slack)},
	{"the messages in Discord are those that receipts call sent", checkArrived(transports.Discord)},
	{"the text messages are those that receipts call sent", checkArrived(transports.SMS)},
	{"the webhooks, each with a valid signature, are those that receipts call sent", checkArrived(transports.Webhook)},
	{"each browser of a person showed what receipts call sent", checkBrowsers},
	{"exactly one receipt was skipped as opted out", checkOptedOut},
	{"a delayed mail was sent, and not early", checkDelayed},
	{"exactly one receipt needed a second try, and was sent by it", checkRetried},
}

// verifyDemo runs every check.
func verifyDemo(f *demoFacts) []demoResult {
	results := make([]demoResult, len(demoChecks))
	for i, c := range demoChecks {
		results[i] = demoResult{c.name, c.judge(f)}
	}
	return results
}

// demoFailure joins what is wrong into one error, or returns nil.
func demoFailure(results []demoResult) error {
	var lines []string
	for _, r := range results {
		if r.Wrong != "" {
			lines = append(lines, r.Name+": "+r.Wrong)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("demo: %d of %d checks failed\n%s", len(lines), len(results), strings.Join(lines, "\n"))
}

func checkEvents(f *demoFacts) string {
	if len(f.Events) < 3 {
		return fmt.Sprintf("there were %d", len(f.Events))
	}
	return difference("event", f.Told, f.Events)
}

func checkEnded(f *demoFacts) string {
	return allReceipts(f.Receipts, func(r demoReceipt) bool { return r.State.Terminal() })
}

func checkOutcomes(f *demoFacts) string {
	return allReceipts(f.Receipts, func(r demoReceipt) bool { return r.State == receipts.Sent || isOptedOut(r) })
}

func checkMails(f *demoFacts) string {
	var sent []string
	for _, r := range f.Receipts {
		if r.Transport == transports.Email && r.State == receipts.Sent {
			sent = append(sent, r.MessageID)
		}
	}
	if len(sent) == 0 {
		return "none was sent"
	}
	return difference("mail", sent, f.Mails)
}

func checkInboxes(f *demoFacts) string {
	var sent []string
	for _, r := range f.Receipts {
		if r.Transport == transports.InApp && r.State == receipts.Sent {
			sent = append(sent, r.ID.String())
		}
	}
	if len(f.Notifications) == 0 {
		return "they are empty"
	}
	return difference("notification", sent, idTexts(f.Notifications))
}

// checkArrived compares what receipts call sent with what a transport's receiver got.
func checkArrived(transport string) func(*demoFacts) string {
	return func(f *demoFacts) string {
		var sent []string
		for _, r := range f.sent(transport) {
			sent = append(sent, r.ID.String())
		}
		return f.compareArrived(transport, sent)
	}
}

// checkBrowsers wants each message once on each device of its person, although that is one receipt.
func checkBrowsers(f *demoFacts) string {
	var sent []string
	for _, r := range f.sent(transports.WebPush) {
		for _, device := range f.Devices[r.Recipient] {
			sent = append(sent, r.ID.String()+" on "+device)
		}
	}
	return f.compareArrived(transports.WebPush, sent)
}

// sent are the receipts of a transport that are called so.
func (f *demoFacts) sent(transport string) []demoReceipt {
	var sent []demoReceipt
	for _, r := range f.Receipts {
		if r.Transport == transport && r.State == receipts.Sent {
			sent = append(sent, r)
		}
	}
	return sent
}

func (f *demoFacts) compareArrived(transport string, sent []string) string {
	if len(sent) == 0 {
		return "none was sent"
	}
	var got []string
	for _, m := range f.Arrived {
		if m.Transport != transport {
			continue
		}
		name := m.Receipt
		for _, r := range f.Receipts {
			if m.is(r.ID.String()) {
				name = r.ID.String()
			}
		}
		if m.Device != "" {
			name += " on " + m.Device
		}
		got = append(got, name)
	}
	return difference("message", sent, got)
}

func checkOptedOut(f *demoFacts) string {
	count := 0
	for _, r := range f.Receipts {
		if isOptedOut(r) {
			count++
		}
	}
	if count != 1 {
		return fmt.Sprintf("%d were", count)
	}
	return ""
}

func checkDelayed(f *demoFacts) string {
	found := false
	for _, r := range f.Receipts {
		if r.SendAt == nil || r.State != receipts.Sent || r.FinishedAt == nil {
			continue
		}
		if r.FinishedAt.Before(*r.SendAt) {
			return fmt.Sprintf("%s was sent %s early", r, r.SendAt.Sub(*r.FinishedAt))
		}
		found = true
	}
	if !found {
		return "none was delayed"
	}
	return ""
}

func checkRetried(f *demoFacts) string {
	var again []demoReceipt
	for _, r := range f.Receipts {
		if r.Attempts > 1 {
			again = append(again, r)
		}
	}
	if len(again) != 1 {
		return fmt.Sprintf("%d did", len(again))
	}
	if !isRetried(again[0]) {
		return fmt.Sprintf("%s after %d tries", again[0], again[0].Attempts)
	}
	return ""
}

// isRetried tells whether the second try was the good one.
func isRetried(r demoReceipt) bool { return r.State == receipts.Sent && r.Attempts == 2 }

func isOptedOut(r demoReceipt) bool {
	return r.State == receipts.Skipped && r.Reason == receipts.OptedOut
}

// allReceipts names the receipts that are not good.
func allReceipts(list []demoReceipt, good func(demoReceipt) bool) string {
	if len(list) == 0 {
		return "there is none"
	}
	var bad []string
	for _, r := range list {
		if !good(r) {
			bad = append(bad, r.String())
		}
	}
	return strings.Join(bad, "; ")
}

// String names the receipt and where it stands.
func (r demoReceipt) String() string {
	return fmt.Sprintf("%s %s to %s is %s", r.Event, r.Channel, cmp.Or(r.Recipient, "nobody yet"), stateOf(r))
}

func stateOf(r demoReceipt) string {
	if r.Reason == "" {
		return string(r.State)
	}
	return fmt.Sprintf("%s(%s)", r.State, r.Reason)
}

// difference says which of want are missing in got, and what got has beyond them; each counts as often as it occurs.
func difference(what string, want, got []string) string {
	counts := map[string]int{}
	for _, w := range want {
		counts[w]++
	}
	for _, g := range got {
		counts[g]--
	}
	var wrong []string
	for key, n := range counts {
		for range n {
			wrong = append(wrong, fmt.Sprintf("%s %q is missing", what, key))
		}
		for range -n {
			wrong = append(wrong, fmt.Sprintf("%s %q is one too many", what, key))
		}
	}
	slices.Sort(wrong)
	return strings.Join(wrong, "; ")
}

func idTexts(ids []uuid.UUID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return list
}
