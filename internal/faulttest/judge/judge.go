package judge

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Order is a row of the application. Its transaction also emitted.
type Order struct {
	ID string
	// Acknowledged means that the application was told of the commit; Refused, that it was told of the rollback. With
	// neither it does not know, as after a connection that broke in the COMMIT.
	Acknowledged, Refused bool
	// Stored means that the database has the row.
	Stored bool
	// Recipients is how many receipts it must lead to.
	Recipients int
}

// Receipt is what the database says of one recipient of an order.
type Receipt struct {
	Key           string
	Order         string
	To            string
	State, Reason string
	Live          bool
}

// Message is what a receiver took.
type Message struct {
	Key, About, To, Hash string
}

// Evidence is everything that there is to judge.
type Evidence struct {
	Orders   []Order
	Events   map[string]int // events by order
	Receipts []Receipt
	Messages []Message
	// Unrecorded is how many messages were begun and not recorded when a process died or an answer was lost, as the
	// receivers counted; Concurrency is how many sends the killed processes were configured to have under way. A
	// Concurrency of less than 0 bounds nothing.
	Unrecorded, Concurrency int
	// Audit lists what `carillon audit` found to fall short.
	Audit []string
	// Spared are reasons for which a receipt may end without a message, such as "failed(bad_address)".
	Spared []string
}

// Verdict is what the judge found.
type Verdict struct {
	Lost, Invented, Dup, Bound int
	// Findings say what is wrong, the first of each kind; empty is a pass.
	Findings []string
}

// OK tells that nothing is wrong.
func (v *Verdict) OK() bool { return len(v.Findings) == 0 }

// maxFindings is how many of one kind are told.
const maxFindings = 5

// court collects the findings of one case.
type court struct {
	*Evidence
	verdict Verdict
	told    map[string]int
}

// Judge judges.
func Judge(e *Evidence) *Verdict {
	c := &court{Evidence: e, told: map[string]int{}}
	c.commits()
	c.receipts()
	c.messages()
	for _, finding := range e.Audit {
		c.find("audit", "%s", finding)
	}
	for _, kind := range slices.Sorted(maps.Keys(c.told)) {
		if n := c.told[kind]; n > maxFindings {
			c.verdict.Findings = append(c.verdict.Findings, fmt.Sprintf("%s: and %d more", kind, n-maxFindings))
		}
	}
	return &c.verdict
}

func (c *court) find(kind, format string, args ...any) {
	if c.told[kind]++; c.told[kind] <= maxFindings {
		c.verdict.Findings = append(c.verdict.Findings, kind+": "+fmt.Sprintf(format, args...))
	}
}

func (c *court) lose(format string, args ...any) {
	c.verdict.Lost++
	c.find("lost", format, args...)
}

func (c *court) invent(format string, args ...any) {
	c.verdict.Invented++
	c.find("invented", format, args...)
}

// commits compares what the application wrote with the events, which share its transactions.
func (c *court) commits() {
	byOrder := map[string]int{}
	for _, r := range c.Receipts {
		byOrder[r.Order]++
	}
	known := map[string]bool{}
	for _, o := range c.Orders {
		known[o.ID] = true
		events := c.Events[o.ID]
		switch {
		case o.Acknowledged && !o.Stored:
			c.lose("order %s was committed and the database has forgotten it", o.ID)
		case o.Refused && o.Stored:
			c.invent("order %s was rolled back and is there", o.ID)
		case o.Stored && events == 0:
			c.lose("order %s was committed without its event", o.ID)
		case o.Stored && events > 1:
			c.invent("order %s has %d events", o.ID, events)
		case !o.Stored && events > 0:
			c.invent("order %s was not committed and has an event", o.ID)
		case !o.Stored && byOrder[o.ID] > 0:
			c.invent("order %s was not committed and has receipts", o.ID)
		case o.Stored && byOrder[o.ID] < o.Recipients:
			for range o.Recipients - byOrder[o.ID] {
				c.lose("order %s has %d receipts instead of %d", o.ID, byOrder[o.ID], o.Recipients)
			}
		case o.Stored && byOrder[o.ID] > o.Recipients:
			for range byOrder[o.ID] - o.Recipients {
				c.invent("order %s has %d receipts instead of %d", o.ID, byOrder[o.ID], o.Recipients)
			}
		}
	}
	for _, order := range slices.Sorted(maps.Keys(c.Events)) {
		if !known[order] {
			c.invent("an event is about order %q, which nobody began", order)
		}
	}
}

// receipts looks for promises that were not kept.
func (c *court) receipts() {
	got := map[string]bool{}
	for _, m := range c.Messages {
		got[m.Key] = true
	}
	for _, r := range c.Receipts {
		end := r.State + "(" + r.Reason + ")"
		switch {
		case r.Live:
			c.lose("receipt %s of order %s is still %s", r.Key, r.Order, end)
		case r.State == "sent" && !got[r.Key]:
			c.lose("receipt %s of order %s is sent, and nobody got it", r.Key, r.Order)
		case r.State != "sent" && !slices.Contains(c.Spared, end):
			c.lose("receipt %s of order %s is %s", r.Key, r.Order, end)
		}
	}
}

// messages compares what was received with the receipts, and its tries with each other.
func (c *court) messages() {
	receipts := map[string]Receipt{}
	for _, r := range c.Receipts {
		receipts[r.Key] = r
	}
	byKey := map[string][]Message{}
	keys := map[string]string{}
	for _, m := range c.Messages {
		r, known := receipts[m.Key]
		switch {
		case !known:
			c.invent("message %s about %q to %s has no receipt", m.Key, m.About, m.To)
		case r.To != "" && r.To != m.To:
			c.invent("message %s went to %s instead of %s", m.Key, m.To, r.To)
		case !strings.Contains(m.About, r.Order):
			c.invent("message %s of order %s is about %q", m.Key, r.Order, m.About)
		}
		byKey[m.Key] = append(byKey[m.Key], m)
		same := m.About + " to " + m.To
		if first, seen := keys[same]; seen && first != m.Key {
			c.find("key", "%s went out under %s and %s", same, first, m.Key)
		}
		keys[same] = cmp.Or(keys[same], m.Key)
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		tries := byKey[key]
		c.verdict.Dup += len(tries) - 1
		for _, m := range tries[1:] {
			if m.Hash != tries[0].Hash {
				c.find("content", "message %s differs between its tries", key)
				break
			}
		}
	}
	c.bound()
}

func (c *court) bound() {
	v := &c.verdict
	v.Bound = c.Unrecorded
	if v.Dup > c.Unrecorded {
		c.find("dup", "%d messages came again, %d were begun and not recorded", v.Dup, c.Unrecorded)
	}
	if c.Concurrency >= 0 && v.Dup > c.Concurrency {
		c.find("dup", "%d messages came again, what died was to have at most %d under way", v.Dup, c.Concurrency)
	}
}
