package classify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-notify/carillon/transports"
)

// Table is an ordered list of rules. The first that fits an outcome decides.
type Table struct {
	name  string
	rules []Rule
}

// Tables lists those that there are, in the order of the documentation.
func Tables() []Table {
	return []Table{
		smtpTable, httpTable, webhookTable, slackTable, slackWebhookTable, discordTable, discordWebhookTable,
		twilioTable, resendTable, pushTable,
	}
}

// Name is the protocol or service that the table is about.
func (t Table) Name() string { return t.name }

// Rules lists the rows in order.
func (t Table) Rules() []Rule { return slices.Clone(t.rules) }

// Find returns the rule that decides about o, and false if none fits.
func (t Table) Find(o Outcome) (Rule, bool) {
	i := slices.IndexFunc(t.rules, func(r Rule) bool { return r.fits(o) })
	if i < 0 {
		return Rule{}, false
	}
	return t.rules[i], true
}

// Classify says what o means. It never returns nil: an outcome that was an acceptance is none of a table's business.
// What no rule fits is [transports.Transient], with Unclassified set.
func (t Table) Classify(o Outcome) *transports.Error {
	e := &transports.Error{Class: transports.Transient, RetryAfter: o.RetryAfter, Err: o.Err, Code: t.code(o)}
	r, ok := t.Find(o)
	if !ok {
		e.Unclassified = true
		e.Detail = "refused for a reason that is not classified"
		if o.Stage != "" {
			e.Detail = fmt.Sprintf("refused at %s for a reason that is not classified", o.Stage)
		}
		return e
	}
	e.Class, e.Detail, e.RetryAfter = r.Class, r.Detail, max(r.Wait, o.RetryAfter)
	if r.exceeded(o) {
		e.Class = r.Then
	}
	switch e.Class {
	case transports.Permanent, transports.Address:
		e.RetryAfter = 0 // there is no next time
	}
	return e
}

// code is what the provider said, in digits and names that hold no text of its own.
func (t Table) code(o Outcome) string {
	if o.Fault != FaultNone {
		return ""
	}
	status := ""
	if o.Status != 0 {
		status = strconv.Itoa(o.Status)
	}
	return strings.TrimSpace(status + " " + safeCode(o.Code))
}

// safeCode is code if it looks like one. Whatever else a provider puts there might quote the message or a secret.
func safeCode(code string) string {
	const longest = 64
	if len(code) > longest {
		return ""
	}
	for i := range len(code) {
		switch c := code[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '-':
		default:
			return ""
		}
	}
	return code
}
