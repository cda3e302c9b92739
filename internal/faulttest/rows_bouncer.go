package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/dispatch"
)

// bouncerRows put something between us and Postgres.
func bouncerRows() []*row {
	return []*row{{
		id: "F-29", what: "emits, workers and commands through PgBouncer in transaction mode", absent: noBouncer,
		size:   either("2,000 mails, 200 delayed, a bulk send of 2,000, a killed worker", "300 mails, 30 delayed, a bulk send of 300, a killed worker"),
		people: 2000, run: bounced,
	}}
}

// noBouncer tells why there is none.
func noBouncer(context.Context) string {
	if _, err := exec.LookPath("pgbouncer"); err != nil {
		return "pgbouncer is not installed"
	}
	return ""
}

// bouncer starts a PgBouncer with fewer server connections than there are clients, and returns the way through it.
func (a *arena) bouncer(ctx context.Context) (string, error) {
	u, err := url.Parse(a.dsn)
	if err != nil {
		return "", err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := listener.Close(); err != nil {
		return "", err
	}
	password, _ := u.User.Password()
	dir, err := os.MkdirTemp("", "carillon-bouncer-")
	if err != nil {
		return "", err
	}
	a.cleanup = append(a.cleanup, func() { _ = os.RemoveAll(dir) })
	config := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf(`[databases]
* = host=%s port=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
auth_type = any
pool_mode = transaction
default_pool_size = 8
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
`, u.Hostname(), u.Port(), u.User.Username(), password, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "pgbouncer", config)
	if os.Getuid() == 0 {
		owner, err := user.Lookup("nobody")
		if err != nil {
			return "", err
		}
		uid, _ := strconv.Atoi(owner.Uid)
		gid, _ := strconv.Atoi(owner.Gid)
		if err := chown(uid, gid, dir, config); err != nil {
			return "", err
		}
		cmd.Args = append(cmd.Args, "--user=nobody")
	}
	p, err := startProcess("pgbouncer", filepath.Join(a.dir, "pgbouncer.err"), cmd)
	if err != nil {
		return "", err
	}
	a.cleanup = append(a.cleanup, p.kill)
	u.Host = net.JoinHostPort("127.0.0.1", port)
	query := u.Query()
	// A named statement may be on another connection than the one that is asked for it.
	query.Set("default_query_exec_mode", "cache_describe")
	u.RawQuery = query.Encode()
	return u.String(), p.await(ctx, "process up", 10*time.Second)
}

func chown(uid, gid int, paths ...string) error {
	for _, path := range paths {
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

// bounced does what there is to do, all of it through the bouncer.
func bounced(ctx context.Context, a *arena) error {
	dsn, err := a.bouncer(ctx)
	if err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	n := a.size(2000, 300)
	const senders = 8
	for i := range 2 {
		if _, err := a.worker(ctx, workerOpts{name: fmt.Sprintf("w%d", i), senders: senders, dsn: dsn}); err != nil {
			return err
		}
	}
	begun := time.Now()
	due := begun.Add(5 * time.Second)
	for _, e := range []emitting{
		{action: actAll, prefix: "a", n: 1, recipients: a.row.people, opts: &dispatch.EmitOpts{Priority: dispatch.Bulk}},
		{action: actCreate, prefix: "o", n: n, writers: 4},
		{action: actNote, prefix: "n", n: n, writers: 4},
		{action: actUrge, prefix: "u", n: n / 10, writers: 4},
		{action: actCreate, prefix: "d", n: n / 10, writers: 4, opts: &dispatch.EmitOpts{At: due}},
	} {
		e.people = a.row.people
		if err := e.emit(ctx, pool, a.ledger); err != nil {
			return err
		}
	}
	if err := pause(ctx, time.Duration(500+a.rng.IntN(1000))*time.Millisecond); err != nil {
		return err
	}
	a.workers[0].kill()
	a.faultEnd = time.Now()
	// Its sessions are the bouncer's, which go on. What it had asked for is over soon.
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	taken, err := a.taken("w0")
	if err != nil {
		return err
	}
	if a.unrecorded, err = a.countUnrecorded(ctx, taken); err != nil {
		return err
	}
	a.concurrency = senders
	for _, words := range [][]string{{"receipts", "list"}, {"audit"}, {"doctor"}, {"breakers", "list"}} {
		cmd := exec.CommandContext(ctx, a.carillon, words...)
		cmd.Env = append(cmd.Environ(), "DATABASE_URL="+dsn)
		output, err := cmd.CombinedOutput()
		a.require(err == nil || words[0] == "doctor" || words[0] == "audit", "carillon %v: %v\n%s", words, err, output)
	}
	if err := a.settle(ctx, 5*time.Minute); err != nil {
		return err
	}
	return a.leavesSoon(ctx, pool)
}

// leavesSoon measures how long mails take to leave of whose commits nobody hears a notification.
func (a *arena) leavesSoon(ctx context.Context, pool *pgxpool.Pool) error {
	var slowest time.Duration
	for i := range 10 {
		at := time.Now()
		one := emitting{action: actCreate, prefix: fmt.Sprintf("deaf%02d", i), n: 1, people: a.row.people}
		if err := one.emit(ctx, pool, a.ledger); err != nil {
			return err
		}
		first, err := a.firstSince(ctx, at)
		if err != nil {
			return err
		}
		slowest = max(slowest, first)
	}
	a.require(slowest <= 2*time.Second, "a mail left %s after its commit", slowest)
	a.fact("a mail leaves at most %d ms after its commit", slowest.Milliseconds())
	return a.settleAgain(ctx)
}
