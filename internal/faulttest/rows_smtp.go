package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/internal/faulttest/netproxy"
	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// smtpRows let mail servers be what they are.
func smtpRows() []*row {
	return []*row{
		{
			id: "F-40", what: "a mail server that falls silent, at each stage", size: either("8 stages, then healthy", "3 stages, then healthy"),
			run: silence,
		},
		{id: "F-41", what: "a mail server at a few bytes a second", size: either("1 byte/s", "40 bytes/s"), run: trickle},
		{id: "F-42", what: "421, 451, 550 5.1.1, 552 5.2.2, 554 5.7.1, 454 after the data", size: fixed("6 answers"), run: refusals},
		{
			id: "F-45", what: "STARTTLS with a bad certificate, TLS 1.0, or not offered at all", size: fixed("5 servers, 5 mails each"),
			run: badTLS,
		},
	}
}

// silence takes the mails of each stage's person and says nothing there, once.
func silence(ctx context.Context, a *arena) error {
	stages := []string{sink.Mail, sink.Data, sink.End}
	patience := 3 * time.Minute
	if a.full {
		stages = []string{sink.Connect, sink.Hello, sink.Mail, sink.Rcpt, sink.Data, sink.Body, sink.End, sink.Reset}
	}
	worker, err := a.worker(ctx, workerOpts{name: "w1", senders: 16, email: []string{"reply_timeout: 20s"}})
	if err != nil {
		return err
	}
	limits := map[string]float64{sink.Connect: 31, sink.Hello: 31, sink.Mail: 61, sink.Rcpt: 61, sink.Data: 61, sink.Body: 21, sink.End: 21, sink.Reset: 61}
	for i, stage := range stages {
		begun := time.Now()
		rules := []sink.Rule{{Stage: stage, Times: 2, Never: true}}
		if stage == sink.Reset {
			rules = append(rules, sink.Rule{Stage: sink.Data, Times: 2, Code: 451, Text: "4.3.0 later"})
		}
		if err := a.mail.play(rules...); err != nil {
			return err
		}
		if err := a.emit(ctx, emitting{action: actCreate, prefix: fmt.Sprintf("stage%d", i), n: 20, writers: 4}); err != nil {
			return err
		}
		a.faultEnd = time.Now()
		if err := a.settle(ctx, patience); err != nil {
			return err
		}
		var slowest float64
		var classes string
		if err := a.pool.QueryRow(ctx, sqlFailures, begun).Scan(&slowest, &classes); err != nil {
			return err
		}
		a.require(slowest <= limits[stage], "silence at %s held a sender for %.1f s", stage, slowest)
		want := "transient"
		if stage == sink.End || stage == sink.Body {
			want = "unknown"
		}
		a.require(classes == want || stage == sink.Reset, "silence at %s is %q", stage, classes)
		a.fact("%s: sender free after %.0f s, settled in %.0f s, %s", stage, slowest, a.outcome.settle.Seconds(), classes)
		a.require(a.outcome.settle <= 75*time.Second, "silence at %s held mails for %s", stage, a.outcome.settle)
	}
	a.require(!worker.ended(), "the worker ended: %v", worker.err)
	return nil
}

// trickle puts a slow line before the mail server.
func trickle(ctx context.Context, a *arena) error {
	proxy, err := netproxy.New(a.mail.addr)
	if err != nil {
		return err
	}
	defer func() { _ = proxy.Close() }()
	proxy.Set(netproxy.Faults{Rate: a.size(1, 40)})
	if _, err := a.worker(ctx, workerOpts{name: "w1", smtp: proxy.Addr()}); err != nil {
		return err
	}
	if err := a.emit(ctx, emitting{action: actCreate, prefix: "o", n: 3}); err != nil {
		return err
	}
	if err := pause(ctx, time.Duration(a.size(200, 5))*time.Second); err != nil {
		return err
	}
	proxy.Set(netproxy.Faults{})
	proxy.Cut()
	a.faultEnd = time.Now()
	a.unrecorded, a.concurrency = 0, 0
	return a.settle(ctx, 2*time.Minute)
}

// refusals gives each person's mail an answer of its own.
func refusals(ctx context.Context, a *arena) error {
	answers := []struct {
		stage, code string
		number      int
		state       string
	}{
		{sink.Mail, "4.3.2 busy", 421, "sent(accepted)"},
		{sink.Data, "4.3.0 later", 451, "sent(accepted)"},
		{sink.Rcpt, "5.1.1 nobody", 550, "failed(bad_address)"},
		{sink.Rcpt, "5.2.2 full", 552, "sent(accepted)"},
		{sink.End, "5.7.1 policy", 554, "failed(rejected)"},
		{sink.End, "4.7.0 throttled", 454, "sent(accepted)"},
	}
	if _, err := a.worker(ctx, workerOpts{name: "w1", senders: 1}); err != nil {
		return err
	}
	a.spared = []string{"failed(bad_address)", "failed(rejected)"}
	for i, answer := range answers {
		if err := a.mail.play(sink.Rule{Stage: answer.stage, Times: 1, Code: answer.number, Text: answer.code}); err != nil {
			return err
		}
		one := emitting{action: actCreate, prefix: fmt.Sprintf("answer%d", i), n: 1}
		if err := a.emit(ctx, one); err != nil {
			return err
		}
		a.faultEnd = time.Now()
		if err := a.settle(ctx, 10*time.Minute); err != nil {
			return err
		}
		var end, class string
		var tries int
		err := a.pool.QueryRow(ctx, sqlSelectEnd, one.prefix+"-0000001").Scan(&end, &tries, &class)
		if err != nil {
			return err
		}
		a.require(end == answer.state, "%d %s: %s instead of %s", answer.number, answer.code, end, answer.state)
		a.fact("%d %s: %s, %d tries, first %s", answer.number, answer.code[:5], end, tries, class)
	}
	return nil
}

// badTLS offers what no client may trust. Not a byte of mail may go out in clear, and none may be lost.
func badTLS(ctx context.Context, a *arena) error {
	bad := []string{"expired", "misnamed", "selfsigned", "old", ""}
	var servers []*receiver
	for i, how := range bad {
		var args []string
		if how != "" {
			args = []string{"-tls", how}
		}
		server, err := a.startReceiver(ctx, roleSMTP, append(args, "-login")...)
		if err != nil {
			return err
		}
		servers = append(servers, server)
		prefix := fmt.Sprintf("tls%d", i)
		if err := a.emit(ctx, emitting{action: actCreate, prefix: prefix, n: 5}); err != nil {
			return err
		}
		w, err := a.worker(ctx, workerOpts{name: "v" + prefix, smtp: fmt.Sprintf("shop%d:secret@%s", i, server.addr), query: "?tls=starttls"})
		if err != nil {
			return err
		}
		// An account of its own for each server: it is what the breaker is for.
		if err := w.await(ctx, "breaker opened", 10*time.Second); err != nil {
			return err
		}
		if err := pause(ctx, 2*time.Second); err != nil {
			return err
		}
		w.kill()
	}
	var classes string
	var slowest float64
	if err := a.pool.QueryRow(ctx, sqlFailures, time.Time{}).Scan(&slowest, &classes); err != nil {
		return err
	}
	a.require(classes == "configuration", "the classes are %q", classes)
	for i, server := range servers {
		c, err := server.counts("")
		if err != nil {
			return err
		}
		a.require(c.Connections > 0, "TLS %q: nobody came", bad[i])
		a.require(c.Connections <= 5, "TLS %q: %d came before the breaker opened", bad[i], c.Connections)
		a.require(c.Logins == 0 && c.Begun == 0 && c.Accepted == 0, "TLS %q: %+v", bad[i], c)
	}
	var ends []string
	rows, err := a.pool.Query(ctx, sqlSelectFailed)
	if err != nil {
		return err
	}
	if ends, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	a.require(len(ends) == 0, "mails failed over the server's TLS: %v", ends)
	a.faultEnd = time.Now()
	// A good server takes all of them. What waits for its configuration waits a minute at a time.
	if _, err := a.worker(ctx, workerOpts{name: "heir"}); err != nil {
		return err
	}
	return a.settle(ctx, 12*time.Minute)
}
