package judge_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/faulttest/judge"
)

// fair is a case without fault: two orders, three recipients, one rollback, one whose application never knew.
func fair() *judge.Evidence {
	return &judge.Evidence{
		Orders: []judge.Order{
			{ID: "o1", Acknowledged: true, Stored: true, Recipients: 1},
			{ID: "o2", Stored: true, Recipients: 2},
			{ID: "o3", Refused: true},
			{ID: "o4"},
		},
		Events: map[string]int{"o1": 1, "o2": 1},
		Receipts: []judge.Receipt{
			{Key: "k1", Order: "o1", To: "ann", State: "sent", Reason: "accepted"},
			{Key: "k2", Order: "o2", To: "ann", State: "sent", Reason: "accepted"},
			{Key: "k3", Order: "o2", To: "bob", State: "sent", Reason: "accepted"},
		},
		Messages: []judge.Message{
			{Key: "k1", About: "Order o1.", To: "ann", Hash: "1"},
			{Key: "k2", About: "Order o2.", To: "ann", Hash: "2"},
			{Key: "k3", About: "Order o2.", To: "bob", Hash: "3"},
		},
		Unrecorded: 1, Concurrency: 1,
	}
}

func TestAFairCasePasses(t *testing.T) {
	t.Parallel()
	e := fair()
	v := judge.Judge(e)
	require.Empty(t, v.Findings)
	require.Equal(t, &judge.Verdict{Bound: 1}, v)

	e.Messages = append(e.Messages, e.Messages[2])
	v = judge.Judge(e)
	require.Empty(t, v.Findings)
	require.Equal(t, 1, v.Dup)
}

func TestEveryPlantedFaultIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		plant          func(*judge.Evidence)
		lost, invented int
		dup            int
		finding        string
	}{
		{"ACommitIsForgotten", func(e *judge.Evidence) { e.Orders[0].Stored = false; e.Events["o1"] = 0 }, 1, 0, 0, "lost: order o1 was committed and"},
		{"ACommitHasNoEvent", func(e *judge.Evidence) { delete(e.Events, "o1") }, 1, 0, 0, "lost: order o1 was committed without"},
		{"AnUnknownCommitHasNoEvent", func(e *judge.Evidence) { delete(e.Events, "o2") }, 1, 0, 0, "lost: order o2"},
		{"ARecipientHasNoReceipt", func(e *judge.Evidence) { e.Receipts, e.Messages = e.Receipts[:2], e.Messages[:2] }, 1, 0, 0, "lost: order o2 has 1 receipts instead of 2"},
		{"AReceiptIsStillLive", func(e *judge.Evidence) {
			e.Receipts[0].Live, e.Receipts[0].State, e.Receipts[0].Reason = true, "waiting", "retry"
			e.Messages = e.Messages[1:]
		}, 1, 0, 0, "lost: receipt k1 of order o1 is still waiting(retry)"},
		{"ASentReceiptReachedNobody", func(e *judge.Evidence) { e.Messages = e.Messages[1:] }, 1, 0, 0, "lost: receipt k1 of order o1 is sent, and"},
		{"AReceiptGaveUp", func(e *judge.Evidence) {
			e.Receipts[0].State, e.Receipts[0].Reason = "failed", "exhausted"
			e.Messages = e.Messages[1:]
		}, 1, 0, 0, "lost: receipt k1 of order o1 is failed(exhausted)"},
		{"ARollbackLeftARow", func(e *judge.Evidence) { e.Orders[2].Stored = true }, 0, 1, 0, "invented: order o3 was rolled back"},
		{"ARollbackLeftAnEvent", func(e *judge.Evidence) { e.Events["o3"] = 1 }, 0, 1, 0, "invented: order o3 was not committed and has an event"},
		{"AnUnknownRollbackLeftReceipts", func(e *judge.Evidence) {
			e.Receipts = append(e.Receipts, judge.Receipt{Key: "k4", Order: "o4", State: "cancelled", Reason: "operator"})
			e.Spared = []string{"cancelled(operator)"}
		}, 0, 1, 0, "invented: order o4 was not committed and has receipts"},
		{"AnEventTwice", func(e *judge.Evidence) { e.Events["o1"] = 2 }, 0, 1, 0, "invented: order o1 has 2 events"},
		{"AnEventOfNobody", func(e *judge.Evidence) { e.Events["o9"] = 1 }, 0, 1, 0, `invented: an event is about order "o9"`},
		{"AReceiptTooMany", func(e *judge.Evidence) {
			e.Receipts = append(e.Receipts, judge.Receipt{Key: "k4", Order: "o1", To: "eve", State: "sent"})
			e.Messages = append(e.Messages, judge.Message{Key: "k4", About: "Order o1.", To: "eve"})
		}, 0, 1, 0, "invented: order o1 has 2 receipts instead of 1"},
		{"AMessageOfNobody", func(e *judge.Evidence) {
			e.Messages = append(e.Messages, judge.Message{Key: "k9", About: "Order o9.", To: "ann"})
		}, 0, 1, 0, "invented: message k9"},
		{"AMessageToSomebodyElse", func(e *judge.Evidence) { e.Messages[0].To = "eve" }, 0, 1, 0, "invented: message k1 went to eve"},
		{"AMessageAboutSomethingElse", func(e *judge.Evidence) { e.Messages[0].About = "Order o7." }, 0, 1, 0, `invented: message k1 of order o1 is about "Order o7."`},
		{"MoreAgainThanUnrecorded", func(e *judge.Evidence) {
			e.Messages = append(e.Messages, e.Messages[0], e.Messages[1])
			e.Concurrency = -1
		}, 0, 0, 2, "dup: 2 messages came again, 1 were begun"},
		{"MoreAgainThanWereUnderWay", func(e *judge.Evidence) {
			e.Messages = append(e.Messages, e.Messages[0], e.Messages[0])
			e.Unrecorded = 5
		}, 0, 0, 2, "dup: 2 messages came again, what died was to have at most 1"},
		{"AnotherKey", func(e *judge.Evidence) {
			e.Receipts = append(e.Receipts, judge.Receipt{Key: "k4", Order: "o1", To: "ann", State: "sent"})
			e.Messages = append(e.Messages, judge.Message{Key: "k4", About: "Order o1.", To: "ann"})
			e.Orders[0].Recipients = 2
		}, 0, 0, 0, "key: Order o1. to ann went out under k1 and k4"},
		{"AnotherContent", func(e *judge.Evidence) {
			again := e.Messages[0]
			again.Hash = "other"
			e.Messages = append(e.Messages, again)
		}, 0, 0, 1, "content: message k1 differs"},
		{"AnAuditThatFallsShort", func(e *judge.Evidence) { e.Audit = []string{"I3: 2"} }, 0, 0, 0, "audit: I3: 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := fair()
			c.plant(e)
			v := judge.Judge(e)
			require.False(t, v.OK())
			require.Contains(t, strings.Join(v.Findings, "\n"), c.finding)
			require.Equal(t, []int{c.lost, c.invented, c.dup}, []int{v.Lost, v.Invented, v.Dup}, v.Findings)
		})
	}
}

func TestManyFindingsOfAKindAreCutShort(t *testing.T) {
	t.Parallel()
	e := fair()
	for range 20 {
		e.Messages = append(e.Messages, judge.Message{Key: "k9", About: "Order o9.", To: "ann"})
	}
	v := judge.Judge(e)
	require.Equal(t, 20, v.Invented)
	require.Contains(t, v.Findings, "invented: and 15 more")
	require.Less(t, len(v.Findings), 10)
}

func TestASparedReasonIsNoLoss(t *testing.T) {
	t.Parallel()
	e := fair()
	e.Receipts[0].State, e.Receipts[0].Reason = "failed", "bad_address"
	e.Messages = e.Messages[1:]
	e.Spared = []string{"failed(bad_address)"}
	require.Empty(t, judge.Judge(e).Findings)
}
