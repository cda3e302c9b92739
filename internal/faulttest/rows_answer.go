package main

import (
	"context"
	"time"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// answerRows let the receiver misbehave.
func answerRows() []*row {
	return []*row{
		{
			id: "F-43", what: "the server accepts and then refuses RSET or QUIT, or cuts the connection",
			size: fixed("300 mails"), run: badFarewell,
		},
		{
			id: "F-44", what: "the answer to the dot is late, or never comes, or the connection is cut", short: true,
			size: either("60 mails; 90 s late", "60 mails; 8 s late"), run: lostAnswer,
		},
	}
}

// badFarewell does what must not matter once a message is accepted.
func badFarewell(ctx context.Context, a *arena) error {
	err := a.mail.play(
		sink.Rule{Stage: sink.Data, To: "7@", Times: 1, Each: true, Code: 451, Text: "4.3.0 come again"},
		sink.Rule{Stage: sink.End, To: "3@", CutAfter: true},
		sink.Rule{Stage: sink.Reset, Code: 500, Text: "5.5.1 no"},
		sink.Rule{Stage: sink.Quit, Cut: true},
	)
	if err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "w1"}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: 300, writers: 4}); err != nil {
		return err
	}
	return a.settle(ctx, time.Minute)
}

// lostAnswer takes messages and does not say so, or late. Only what was not answered may come again, and once.
func lostAnswer(ctx context.Context, a *arena) error {
	late, timeout := 8*time.Second, "20s"
	if a.full {
		late, timeout = 90*time.Second, "120s"
	}
	err := a.mail.play(
		sink.Rule{Stage: sink.End, To: "0@", Times: 1, Each: true, Cut: true, Keep: true},
		sink.Rule{Stage: sink.End, To: "1@", Times: 1, Each: true, Never: true, Keep: true},
		sink.Rule{Stage: sink.End, To: "2@", Delay: late, Keep: true},
	)
	if err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "w1", senders: 16, email: []string{"reply_timeout: " + timeout}}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: 60, people: 60}); err != nil {
		return err
	}
	if err := a.settle(ctx, 10*time.Minute); err != nil {
		return err
	}
	// Six were cut off and six never answered.
	a.unrecorded, a.concurrency = 12, 12
	var unknown int
	if err := a.pool.QueryRow(ctx, sqlCountOutcome, "unknown").Scan(&unknown); err != nil {
		return err
	}
	a.require(unknown == 12, "%d attempts have an unknown outcome instead of 12", unknown)
	return nil
}
