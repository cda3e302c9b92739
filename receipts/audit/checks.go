package audit

import (
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// check is one invariant.
type check struct {
	name    string
	level   Level
	meaning string
	sql     string
	// args are the arguments that sql takes besides @most.
	args []string
}

// checks lists them in the order of their names.
func checks() []check {
	clock := []string{"now", "grace"}
	return []check{
		{"I1", Fail, "every event has one root receipt for each of its channels", sqlRootless, nil},
		{"I2", Fail, "every receipt belongs to an event, and every child to a root of its event and channel", sqlOrphans, nil},
		{"I3", Fail, "every live receipt has a job that will fire, a lease that will end, or a time to come", sqlStuck, clock},
		{"I4", Fail, "every expanded root has its children, to the last one", sqlChildless, nil},
		{"I5", Fail, "who accepted twice had an answer lost in between", sqlAcceptedTwice, nil},
		{"I6", Fail, "sent receipts, and no others, have an accepted attempt", sqlSentUnaccepted, nil},
		{"I7", Fail, "no finished receipt has a lease or a job that waits", sqlFinishedBusy, []string{"now", "grace", "terminal"}},
		{"I8", Fail, "sent in-app receipts, and no others, have a notification", sqlUnnotified, []string{"in_app"}},
		{"I9", Fail, "receipts count the attempts that cost something as they are written down", sqlMiscounted, []string{"free"}},
		{"I10", Fail, "every state has one of its reasons", sqlUnreasoned, []string{"states", "reasons"}},
		{"I11", Fail, "every lease lists the receipts that it holds, and ends when it is over", sqlLooseLeases, clock},
		{"I12", Fail, "no receipt waits past its deadline", sqlOverdue, clock},
		{"W1", Warn, "carillon.try_emit could emit what it was given", sqlEmitFailures, nil},
	}
}

// Remedy says what to do about what a check still finds after a repair: either nothing can tell what is right, or it is
// evidence, which is not rewritten. Empty for an unknown check.
func Remedy(check string) string { return remedies[check] }

var remedies = map[string]string{
	"I1":  "the published declarations do not say which receipts are missing: publish those under which it was emitted, or emit it again",
	"I2":  "nothing says what they belonged to: restore the rows, or cancel the receipts",
	"I3":  "somebody has them in hand: run the audit again in a minute",
	"I4":  "who was to follow is in no row: emit the event again to those who are missing",
	"I5":  "what was sent twice cannot be taken back: find out which program sends without a lease",
	"I6":  "attempts are the evidence of what was sent, and are not made up: restore them",
	"I7":  "River has the jobs in hand: run the audit again in a minute",
	"I8":  "a notification is the person's own, and may have been deleted by hand: restore it, or emit again",
	"I9":  "attempts are the evidence of what was tried: restore them",
	"I10": "nothing says which reason it was: find out what wrote the state by hand",
	"I11": "somebody has them in hand: run the audit again in a minute",
	"I12": "somebody has them in hand: run the audit again in a minute",
	"W1":  "emit them again, and delete the rows",
}

// args is every argument that a check may take.
func (o Opts) args() map[string]any {
	var now any
	if !o.Now.IsZero() {
		now = o.Now
	}
	var terminal, states, reasons []string
	for _, state := range receipts.States() {
		if state.Terminal() {
			terminal = append(terminal, string(state))
		}
		allowed := receipts.Reasons(state)
		if len(allowed) == 0 {
			allowed = []receipts.Reason{""}
		}
		for _, reason := range allowed {
			states, reasons = append(states, string(state)), append(reasons, string(reason))
		}
	}
	return map[string]any{
		"now": now, "grace": o.Grace.Seconds(), "terminal": terminal, "states": states, "reasons": reasons,
		"in_app": transports.InApp,
		"free":   []string{string(transports.Rate), string(transports.Configuration)},
	}
}
