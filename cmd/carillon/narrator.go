package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/internal/cli"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// narrator tells people about receipts, line by line.
type narrator struct {
	*app
	strings.Builder
}

// line writes one line; what its arguments hold is shown, not obeyed.
func (n *narrator) line(depth int, format string, args ...any) {
	for i, arg := range args {
		args[i] = n.show(arg)
	}
	n.WriteString(strings.Repeat("  ", depth) + strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// text writes a value that may have several lines.
func (n *narrator) text(depth int, name, value string) {
	lines := cli.Lines(value)
	if len(lines) == 1 {
		n.line(depth, "%s: %s", name, value)
		return
	}
	n.line(depth, "%s:", name)
	for _, line := range lines {
		n.line(depth+1, "%s", line)
	}
}

func (n *narrator) event(e *receipts.Event) {
	n.line(0, "event %s  %s", short(e.ID), e.Name)
	n.line(1, "created   %s", when(e.CreatedAt))
	for _, fact := range []struct{ name, value string }{
		{"about", strings.Trim(e.ResourceType+" "+e.ResourceID, " ")},
		{"actor", e.Actor},
		{"tenant", e.Tenant},
		{"key", e.IdempotencyKey},
	} {
		if fact.value != "" {
			n.line(1, "%s %s", fmt.Sprintf("%-9s", fact.name), fact.value)
		}
	}
}

// account tells about one receipt: what it is, what the rules said, what was tried, and what is next.
func (n *narrator) account(a *receipts.Account) {
	r := a.Receipt
	n.line(0, "receipt %s  %s to %s: %s%s", short(r.ID), r.Channel, recipientOf(r), paintState(r.State), inBrackets(string(r.Reason)))
	n.line(1, "created   %s", when(r.CreatedAt))
	if r.Address != "" && r.Recipient != "" {
		n.line(1, "address   %s", r.Address)
	}
	if len(a.Decisions) == 0 {
		n.line(1, "rules     not asked%s", ifLive(r, " yet"))
	}
	for _, run := range a.Decisions {
		n.rules(run)
	}
	for _, t := range a.Attempts {
		n.line(1, "attempt   %s, %s: %s, %s%s", fmt.Sprint(t.N), when(t.StartedAt), t.Outcome, t.Class, inBrackets(t.Code))
		if t.Detail != "" {
			n.line(2, "%s", t.Detail)
		}
	}
	n.files(a.Files)
	switch r.Reason {
	case receipts.AnswerLost:
		n.line(1, "answer    lost: the message may have arrived, and is not sent again by itself (carillon receipts reopen %s)", short(r.ID))
	case receipts.Confirmed:
		n.line(1, "answer    lost at first; the provider was asked, and has the message")
	}
	switch next := nextOf(r); {
	case r.FinishedAt != nil:
		n.line(1, "finished  %s", when(*r.FinishedAt))
	case next != nil:
		n.line(1, "next      due %s", when(*next))
	default:
		n.line(1, "next      a worker has it in hand")
	}
	if r.ProviderMessageID != "" {
		n.line(1, "provider  %s, message %s", r.Provider, r.ProviderMessageID)
	}
}

// hashShown is how many digits of a hash tell files apart for people.
const hashShown = 12

// files lists what goes along.
func (n *narrator) files(list []transports.File) {
	for _, f := range list {
		what, hash := "file", f.Hash
		if f.ContentID != "" {
			what = "inline"
		}
		if len(hash) > hashShown {
			hash = hash[:hashShown]
		}
		n.line(1, "%s %s, %s, %s bytes, sha256 %s", fmt.Sprintf("%-9s", what), f.Name, f.MediaType, fmt.Sprint(f.Size), hash)
	}
}

func (n *narrator) rules(run receipts.RuleRun) {
	at := "at a time that nobody noted"
	if run.DecidedAt != nil {
		at = when(*run.DecidedAt)
	}
	if run.Implied {
		names := make([]string, len(run.Verdicts))
		for i, v := range run.Verdicts {
			names[i] = v.Rule
		}
		n.line(1, "rules     %s: all passed, none had anything to say (%s)", at, strings.Join(names, ", "))
		return
	}
	n.line(1, "rules     %s", at)
	for _, v := range run.Verdicts {
		n.line(2, "%s %s%s%s", fmt.Sprintf("%-10s", v.Rule), v.Verdict, inBrackets(string(v.Reason)), dashed(v.Detail))
		if v.Row != nil {
			n.line(3, "row %s", rowText(v.Row))
		}
	}
}

// rowText is the table first, then its columns in order.
func rowText(row map[string]any) string {
	var parts []string
	for _, column := range slices.Sorted(maps.Keys(row)) {
		if column == "table" {
			continue
		}
		value, err := json.Marshal(row[column])
		if err != nil {
			value = []byte("?")
		}
		parts = append(parts, column+"="+string(value))
	}
	return fmt.Sprintf("%v: %s", row["table"], strings.Join(parts, " "))
}

// nextOf is when a live receipt is due; nil if it is in somebody's hand, or finished.
func nextOf(r receipts.Receipt) *time.Time {
	if r.FinishedAt != nil || r.State.Leased() {
		return nil
	}
	return &r.DueAt
}

func ifLive(r receipts.Receipt, text string) string {
	if r.FinishedAt != nil {
		return ""
	}
	return text
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func dashed(s string) string {
	if s == "" {
		return ""
	}
	return " - " + s
}
