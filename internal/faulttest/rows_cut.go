package main

import (
	"context"
	"net/url"
	"time"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// cutRows pull cables.
func cutRows() []*row {
	return []*row{
		{
			id: "F-80", what: "a worker cut off from Postgres and not from the mail server", absent: noCells,
			size: fixed("2 workers, 400 mails, cut for 40 s"), run: cutFromDatabase,
		},
		{
			id: "F-81", what: "a worker cut off from the mail server and not from Postgres", absent: noCells,
			size: fixed("2 workers, 600 mails, cut for 60 s"), run: cutFromMail,
		},
	}
}

// through changes the host of a connection string.
func through(dsn, addr string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	u.Host = addr
	return u.String()
}

func hostOf(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	return u.Host
}

// cutFromDatabase pulls the cable in the middle of sends. Who cannot renew its lease may begin nothing after its end.
func cutFromDatabase(ctx context.Context, a *arena) error {
	const senders, lease = 8, 15 * time.Second
	if err := a.mail.play(sink.Rule{Stage: sink.End, Delay: time.Second, Keep: true}); err != nil {
		return err
	}
	c, err := a.newCell(ctx)
	if err != nil {
		return err
	}
	cut, err := a.worker(ctx, c.opts(a.dsn, "cut"))
	if err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "free"}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: 400, writers: 4}); err != nil {
		return err
	}
	if err := a.waiting(ctx, "cut", senders/2); err != nil {
		return err
	}
	if err := c.plug(ctx, toDatabase, false); err != nil {
		return err
	}
	at := time.Now()
	if err := pause(ctx, lease); err != nil {
		return err
	}
	before, err := a.mail.counts("cut.test")
	if err != nil {
		return err
	}
	taken, err := a.taken("cut")
	if err != nil {
		return err
	}
	if a.unrecorded, err = a.countUnrecorded(ctx, taken); err != nil {
		return err
	}
	a.concurrency = senders
	if err := pause(ctx, time.Until(at.Add(40*time.Second))); err != nil {
		return err
	}
	after, err := a.mail.counts("cut.test")
	if err != nil {
		return err
	}
	a.require(after.Begun == before.Begun, "the cut worker began %d sends after its lease", after.Begun-before.Begun)
	a.faultEnd = time.Now()
	if err := c.plug(ctx, toDatabase, true); err != nil {
		return err
	}
	if err := a.settle(ctx, time.Minute); err != nil {
		return err
	}
	a.require(!cut.ended(), "the cut worker ended: %v%s", cut.err, cut.tail())
	// Both are at work again.
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "p", n: 60, writers: 4}); err != nil {
		return err
	}
	if err := a.settleAgain(ctx); err != nil {
		return err
	}
	again, err := a.mail.counts("cut.test")
	if err != nil {
		return err
	}
	a.require(again.Begun > after.Begun, "the worker that was cut off does nothing any more")
	return nil
}

// settleAgain waits for later mails and leaves the time that was measured as it is.
func (a *arena) settleAgain(ctx context.Context) error {
	measured := a.outcome.settle
	err := a.settle(ctx, time.Minute)
	a.outcome.settle = measured
	return err
}

// waiting returns when the mail server holds some of a worker's mails.
func (a *arena) waiting(ctx context.Context, worker string, n int) error {
	return until(ctx, "sends are held", 10*time.Second, func() (bool, error) {
		c, err := a.mail.counts(worker + ".test")
		return c.Waiting >= n, err
	})
}

// cutFromMail lets one of two workers find nobody. The other one goes to the same server, under the same name.
func cutFromMail(ctx context.Context, a *arena) error {
	c, err := a.newCell(ctx)
	if err != nil {
		return err
	}
	cut, err := a.worker(ctx, c.opts(a.dsn, "cut"))
	if err != nil {
		return err
	}
	if _, err := a.worker(ctx, workerOpts{name: "free", smtp: c.mail.Addr(), query: "?tls=off"}); err != nil {
		return err
	}
	if err := c.plug(ctx, toMail, false); err != nil {
		return err
	}
	// The server goes on, and takes no harm from one end of a cable.
	begun := time.Now()
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: 600, rate: 10, writers: 4}); err != nil {
		return err
	}
	if err := pause(ctx, time.Until(begun.Add(time.Minute))); err != nil {
		return err
	}
	free, err := a.mail.counts("free.test")
	if err != nil {
		return err
	}
	a.fact("the free worker sent %d of 600 meanwhile", free.Accepted)
	a.require(free.Accepted >= 60, "the free worker sent %d mails in a minute", free.Accepted)
	a.require(cut.count("breaker opened") > 0, "no breaker opened")
	if err := c.plug(ctx, toMail, true); err != nil {
		return err
	}
	a.faultEnd = time.Now()
	if err := a.settle(ctx, 12*time.Minute); err != nil {
		return err
	}
	a.require(!cut.ended(), "the cut worker ended: %v%s", cut.err, cut.tail())
	return nil
}
