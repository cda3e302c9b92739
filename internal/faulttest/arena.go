package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/internal/failpoint"
	"github.com/carillon-notify/carillon/internal/faulttest/judge"
	"github.com/carillon-notify/carillon/internal/pgdev"
	"github.com/carillon-notify/carillon/migrations"
)

// arena is where one row runs once: a database of its own, an application, workers, receivers.
type arena struct {
	*harness
	row  *row
	full bool
	seed uint64
	rng  *rand.Rand
	dir  string

	pg   *pgdev.Server
	dsn  string
	pool *pgxpool.Pool
	// mail is the mail server that workers use unless told otherwise.
	mail      *receiver
	receivers []*receiver
	workers   []*process
	// cleanup comes after the workers' end, last after the database's.
	cleanup, last []func()

	ledger *ledger
	// spared are reasons for which a receipt may end unsent; ignore begins the ids of orders that are not judged.
	spared  []string
	ignore  string
	outcome outcome
	// unrecorded and concurrency bound the duplicates.
	unrecorded, concurrency int
	// faultEnd is when the last fault was over.
	faultEnd time.Time
}

// outcome is what a run of a row came to.
type outcome struct {
	judge.Verdict
	settle time.Duration
	facts  []string
}

// newArena raises the database and the mail server.
func newArena(ctx context.Context, h *harness, r *row, seed uint64) (*arena, error) {
	dir, err := os.MkdirTemp(h.dir, r.id+"-")
	if err != nil {
		return nil, err
	}
	a := &arena{
		harness: h, row: r, full: h.options.full, seed: seed, rng: rand.New(rand.NewPCG(seed, seed)), dir: dir, ledger: newLedger(),
		faultEnd: time.Now(),
	}
	if err := a.raise(ctx); err != nil {
		return nil, errors.Join(err, a.close(ctx))
	}
	return a, nil
}

func (a *arena) raise(ctx context.Context) error {
	var err error
	a.pg, err = pgdev.Start(ctx, &pgdev.Config{
		Durable: true, Logger: slog.New(slog.DiscardHandler), MaxConnections: 300, ExtraSettings: a.row.postgres,
	})
	if err != nil {
		return err
	}
	a.dsn = a.pg.DSN()
	if a.pool, err = pgxpool.New(ctx, named(a.dsn, "harness")); err != nil {
		return err
	}
	if _, err := migrations.Up(ctx, a.pool, &migrations.UpOpts{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	if _, err := a.pool.Exec(ctx, sqlCreateShop); err != nil {
		return fmt.Errorf("create the application's tables: %w", err)
	}
	if _, err := a.pool.Exec(ctx, sqlInsertPeople, cmp.Or(a.row.people, 100)); err != nil {
		return fmt.Errorf("add people: %w", err)
	}
	a.mail, err = a.startReceiver(ctx, roleSMTP, a.row.mail...)
	return err
}

// close ends everything, in the opposite order.
func (a *arena) close(ctx context.Context) error {
	for _, w := range a.workers {
		w.kill()
	}
	for _, f := range a.cleanup {
		f()
	}
	for _, r := range a.receivers {
		r.stop()
	}
	if a.pool != nil {
		a.pool.Close()
	}
	if a.pg == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if len(a.last) > 0 {
		_ = a.pg.End(ctx, pgdev.Immediate) // It may have ended by itself.
	}
	for _, f := range a.last {
		f()
	}
	return a.pg.Stop(ctx)
}

// named adds the name by which the server knows a session.
func named(dsn, name string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		return dsn
	}
	query := u.Query()
	query.Set("application_name", name)
	u.RawQuery = query.Encode()
	return u.String()
}

// worker starts a worker and returns when it runs.
func (a *arena) worker(ctx context.Context, o workerOpts) (*process, error) {
	p, err := a.launch(ctx, o)
	if err != nil {
		return nil, err
	}
	return p, p.await(ctx, "worker started", 30*time.Second)
}

// launch starts a worker.
func (a *arena) launch(ctx context.Context, o workerOpts) (*process, error) {
	o = o.full()
	path, err := a.configure(o)
	if err != nil {
		return nil, err
	}
	words := append(slices.Clone(o.wrap), cmp.Or(o.program, a.carillon), "worker", "--config", path)
	cmd := exec.CommandContext(context.WithoutCancel(ctx), words[0], words[1:]...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "DATABASE_URL="+named(cmp.Or(o.dsn, a.dsn), o.name))
	if o.fault != "" {
		cmd.Env = append(cmd.Env, failpoint.Variable+"="+o.fault)
	}
	cmd.Env = append(cmd.Env, o.env...)
	log := filepath.Join(a.dir, fmt.Sprintf("%s-%d.err", o.name, len(a.workers)+1))
	p, err := startProcess(o.name, log, cmd)
	if err != nil {
		return nil, err
	}
	a.workers = append(a.workers, p)
	return p, nil
}

// emit runs transactions of the application in the harness's own process.
func (a *arena) emit(ctx context.Context, e emitting) error {
	e.people = cmp.Or(e.people, a.row.people, 100)
	return e.emit(ctx, a.pool, a.ledger)
}

// fact notes something measured, for the table.
func (a *arena) fact(format string, args ...any) {
	a.outcome.facts = append(a.outcome.facts, fmt.Sprintf(format, args...))
}

// require notes a finding unless ok.
func (a *arena) require(ok bool, format string, args ...any) {
	if !ok {
		a.outcome.Findings = append(a.outcome.Findings, fmt.Sprintf(format, args...))
	}
}

// size is the row's size: full, or what the short form has time for.
func (a *arena) size(full, short int) int {
	if a.full {
		return full
	}
	return short
}
