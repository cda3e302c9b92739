package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/examples/herodispatch"
	"github.com/carillon-notify/carillon/internal/pgdev"
	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/migrations"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/inapp"
)

const (
	// demoWorkerConns is enough for the three lanes of each of seven transports, the listener and the upkeep.
	demoWorkerConns = 30
	demoStoryConns  = 4
	// demoRetry is the longest pause before a second try; the shortest is half of it. In earnest it is longer.
	demoRetry = 3 * time.Second
	// demoGreylisted is the person whose mail server refuses the first try.
	demoGreylisted = "mara"
	// demoReporter is the person who reports the incident, and has a browser on two devices.
	demoReporter = "noor"
	// demoClosing bounds the taking down.
	demoClosing = 20 * time.Second
)

// demoStage is everything that the demo runs on.
type demoStage struct {
	dsn     string
	private bool
	// city is the tenant of this run: a fresh one in a database that others use, too.
	city string
	// domain is in the address of everybody in this run, so that its mail is known from that of an earlier run which
	// was killed, and whose receipts our worker delivers as well.
	domain string

	pool      *pgxpool.Pool
	sink      *smtpsink.Server
	receivers *demoReceivers
	office    *herodispatch.App
	store     *receipts.Store
	worker    *worker.Worker

	closers []func(context.Context) error
}

// raise brings everything up but the worker, which has not begun. After an error nothing is left running.
func (d *demo) raise(ctx context.Context) (*demoStage, error) {
	run := uuid.NewString()[:8]
	s := &demoStage{dsn: d.databaseURL, domain: "demo-" + run + ".example", store: receipts.New(nil)}
	logger := slog.New(slog.NewTextHandler(d.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	for _, step := range []func() error{
		func() error { return d.openDatabase(ctx, s, run) },
		func() error { return s.prepare(ctx, logger) },
		s.startSink,
		s.startReceivers,
		func() error { return s.hire(ctx, logger) },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, s.close(ctx))
		}
	}
	return s, nil
}

// close takes everything down, what came last first.
func (s *demoStage) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), demoClosing)
	defer cancel()
	var errs []error
	for _, closeFunc := range slices.Backward(s.closers) {
		errs = append(errs, closeFunc(ctx))
	}
	s.closers = nil
	return errors.Join(errs...)
}

// explain adds what checks cannot know: in a database of others, another worker may have taken what was ours.
func (s *demoStage) explain(failure error) error {
	if s.private {
		return failure
	}
	return fmt.Errorf("%w\n(if another worker runs on this database, it has taken some of it: stop it, or unset %s)",
		failure, pgdev.EnvURL)
}

func (s *demoStage) onClose(f func(context.Context) error) { s.closers = append(s.closers, f) }

// openDatabase finds or raises the database, and says which it is.
func (d *demo) openDatabase(ctx context.Context, s *demoStage, run string) error {
	how := ""
	if s.dsn == "" {
		// A download takes long, and is told.
		logger := slog.New(slog.NewTextHandler(d.err, &slog.HandlerOptions{Level: slog.LevelInfo}))
		server, err := pgdev.Start(ctx, &pgdev.Config{InMemory: true, Logger: logger})
		if err != nil {
			return err
		}
		s.onClose(server.Stop)
		s.dsn, s.private, how = server.DSN(), true, server.How()
	}
	pool, err := s.openPool(ctx, demoStoryConns)
	if err != nil {
		return err
	}
	s.pool = pool
	if s.private {
		d.say("using a private database, %s; it goes when this ends", how)
		return nil
	}
	s.city = "demo-" + run
	at := pool.Config().ConnConfig
	d.say("using the database %s on %s:%d: its schema carillon is migrated, a schema herodispatch added, "+
		"and what this run adds belongs to the tenant %s; no other worker should run on it meanwhile", at.Database, at.Host, at.Port, s.city)
	return nil
}

func (s *demoStage) openPool(ctx context.Context, conns int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(s.dsn)
	if err != nil {
		return nil, fmt.Errorf("read the database's URL: %w", err)
	}
	config.MaxConns = conns
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	s.onClose(func(context.Context) error {
		pool.Close()
		return nil
	})
	return pool, nil
}

// prepare makes both schemas.
func (s *demoStage) prepare(ctx context.Context, logger *slog.Logger) error {
	if _, err := migrations.Up(ctx, s.pool, &migrations.UpOpts{Logger: logger}); err != nil {
		return err
	}
	return herodispatch.Install(ctx, s.pool)
}

func (s *demoStage) startSink() error {
	sink, err := smtpsink.Start(&smtpsink.Config{DataFunc: s.greylist()})
	if err != nil {
		return err
	}
	s.sink = sink
	s.onClose(func(context.Context) error { return sink.Close() })
	return nil
}

// greylist refuses the first message to one address for the moment, as servers do that wait whether a stranger comes
// back. It answers the finished message, because a refusal of the recipient would be left alone for a whole minute.
func (s *demoStage) greylist() func(smtpsink.Session) smtpsink.Answer {
	var once sync.Once
	return func(session smtpsink.Session) (answer smtpsink.Answer) {
		if slices.Contains(session.To, s.address(demoGreylisted)) {
			once.Do(func() { answer = smtpsink.Refuse(451, "4.7.1", "Greylisted, please come back in a moment") })
		}
		return answer
	}
}

// address is where a person of this run gets mail.
func (s *demoStage) address(person string) string { return person + "@" + s.domain }

// hire publishes the declarations, and makes the office and the worker.
func (s *demoStage) hire(ctx context.Context, logger *slog.Logger) error {
	d, err := herodispatch.NewDispatcher()
	if err != nil {
		return err
	}
	if _, err := d.Publish(ctx, s.pool); err != nil {
		return err
	}
	s.office = herodispatch.New(s.pool, d, &herodispatch.Config{City: s.city})
	return s.makeWorker(ctx, d, logger)
}

func (s *demoStage) makeWorker(ctx context.Context, d *dispatch.Dispatcher, logger *slog.Logger) error {
	mail, err := email.New(&email.Config{
		SMTP: transports.Secret(s.sink.URL()), From: "Hero Dispatch <office@herodispatch.example>",
		MessageIDDomain: s.domain,
	})
	if err != nil {
		return err
	}
	s.onClose(mail.Close)
	carriers, err := s.carriers(ctx)
	if err != nil {
		return err
	}
	pool, err := s.openPool(ctx, demoWorkerConns)
	if err != nil {
		return err
	}
	s.worker, err = worker.New(pool, d, &worker.Config{
		Transports: append(carriers, mail, inapp.New()), Senders: 4, Logger: logger,
		Retry: flow.RetryPolicy{Base: demoRetry},
	})
	return err
}
