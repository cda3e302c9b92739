package doctor

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// load looks at what slows down a database that otherwise works.
func (x *examination) load(ctx context.Context) {
	x.transactions(ctx)
	x.deadRows(ctx)
	x.notifications(ctx)
}

func (x *examination) transactions(ctx context.Context) {
	const check = "transactions"
	var seconds float64
	var who string
	if !x.ask(ctx, check, sqlOldestTransaction, &seconds, &who) {
		return
	}
	found := "none keeps a vacuum from its work"
	age := time.Duration(seconds * float64(time.Second))
	if age > 0 {
		found = "the oldest is open for " + age.Round(time.Second).String() + ": " + who
	}
	x.judge(check, age <= cmp.Or(x.limits.Transaction, maxTransaction), Warn, found,
		"end it, and set idle_in_transaction_session_timeout: until it ends no dead row is removed")
}

func (x *examination) deadRows(ctx context.Context) {
	const check = "dead rows"
	var table string
	var dead int64
	var share float64
	if !x.ask(ctx, check, sqlDeadRows, &table, &dead, &share) {
		return
	}
	fine := share <= cmp.Or(x.limits.DeadShare, maxDead) || dead <= cmp.Or(x.limits.DeadRows, leastDead)
	x.judge(check, fine, Warn, fmt.Sprintf("%d in %s, %.0f %% of it", dead, table, 100*share),
		"see that autovacuum is on and keeps up, and that no old transaction or replication slot holds it back")
}

func (x *examination) notifications(ctx context.Context) {
	const check = "notifications"
	var share float64
	if !x.ask(ctx, check, sqlNotifyQueue, &share) {
		return
	}
	x.judge(check, share <= cmp.Or(x.limits.NotifyQueue, maxNotify), Warn,
		fmt.Sprintf("the queue is %.1f %% full", 100*share),
		"look for a session that listens and sits in a transaction: once the queue is full no emit can commit")
}

func toDuration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second)
}
