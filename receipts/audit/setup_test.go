package audit_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/preferences"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const declarations = `
audiences:
  team: { field: people }
categories:
  news: { name: News }
transports:
  email: {}
events:
  shop.told:
    category: news
    sample: { people: ["1"], n: A7 }
    channels:
      - { transport: in_app, audience: team }
      - { transport: email, audience: team }
      - { name: reminder, transport: email, audience: team, delay: 1h }
    content: { subject: "About {{ n }}", title: "About {{ n }}", message: "About {{ n }}" }
  shop.brief:
    expires_after: 1ms
    sample: { people: ["1"] }
    channels: [{ transport: email, audience: team }]
    content: { subject: Brief, message: Brief }
`

// moods are the people of the test, who are called after what becomes of their mail.
var moods = []string{"fine", "slow", "never", "gone", "rate", "lost", "misconfigured", "panic", "down", "unsure", "muted"}

// answer is what the mail server says to each of them.
func answer(_ context.Context, m transports.Message) (transports.Result, error) {
	mood, _, _ := strings.Cut(m.Recipient.Address, "@")
	class := map[string]transports.Class{
		"slow": transports.Transient, "never": transports.Permanent, "gone": transports.Address, "rate": transports.Rate,
		"lost": transports.Unknown, "misconfigured": transports.Configuration, "down": transports.Transient,
		"unsure": transports.Unknown,
	}[mood]
	switch {
	case mood == "panic" && m.Attempt == 1:
		panic("out of order")
	case class != "" && (m.Attempt == 1 || mood == "down" || mood == "unsure"):
		return transports.Result{}, transports.Errorf(class, "%s", mood)
	}
	return transports.Result{Provider: "fake"}, nil
}

// busy is a database after a worker has met every mood, with receipts that still wait, and others that are leased.
func busy(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := dbtest.Pool(t)
	for _, mood := range moods {
		require.NoError(t, people.Set(t.Context(), pool, "", people.Person{ID: mood, Email: mood + "@example.com"}))
	}
	require.NoError(t, preferences.Set(t.Context(), pool, preferences.Preference{
		Person: "muted", Category: "news", Transport: "email", Choice: preferences.Off,
	}))
	file := declare(t, pool, transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: answer,
		// Each has a breaker of its own, so that what one mood does stops no other.
		DestinationFunc: func(m transports.Message) transports.Destination {
			return transports.Destination{Host: m.Recipient.Address}
		},
	}))

	emit(t, pool, "shop.told", `{"people": ["`+strings.Join(moods, `","`)+`", "stranger"], "n": "B8"}`, `{}`)
	emit(t, pool, "shop.told", `{"people": ["fine"], "n": "C9"}`, `{"idempotency_key": "c"}`)
	emit(t, pool, "shop.told", `{"people": [], "n": "D1"}`, `{"priority": "bulk"}`)
	emit(t, pool, "shop.told", `{"people": ["fine"]}`, `{}`)
	emit(t, pool, "shop.brief", `{"people": ["fine"]}`, `{}`)
	emit(t, pool, "shop.brief", `{"people": ["fine"]}`, `{"at": "2999-01-01T00:00:00Z"}`)
	deliver(t, pool, file)

	emit(t, pool, "shop.told", `{"people": ["fine"], "n": "E2"}`, `{}`)
	_, err := receipts.New(nil).Claim(t.Context(), pool, receipts.ClaimParams{
		Lane: receipts.Lane(transports.Email, receipts.Default), More: 1, Lease: time.Hour, Worker: "test",
	})
	require.NoError(t, err)
	return pool
}

// declare publishes the declarations.
func declare(t *testing.T, pool *pgxpool.Pool, email *transporttest.Fake) *config.File {
	t.Helper()
	file, err := config.Parse("carillon.yaml", []byte(declarations), []config.Builder{
		{Spec: email.Spec(), New: func(func(any) error) (transports.Transport, error) { return email, nil }},
		{
			Spec: transports.InAppSpec(), NoConfig: true,
			New: func(func(any) error) (transports.Transport, error) { return inapp.New(), nil },
		},
	}, nil)
	require.NoError(t, err)
	_, err = file.Dispatcher.Publish(t.Context(), pool)
	require.NoError(t, err)
	return file
}

// deliver runs a worker until nothing is due any more.
func deliver(t *testing.T, pool *pgxpool.Pool, file *config.File) {
	t.Helper()
	w, err := worker.New(pool, file.Dispatcher, &worker.Config{
		Transports: file.Transports, Retry: flow.RetryPolicy{Base: time.Millisecond, Cap: time.Millisecond, MaxAttempts: 3},
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	await(t, pool, `SELECT bool_and(finished_at IS NOT NULL OR due_at > now() + interval '5 seconds') FROM carillon.receipts`)
	stop()
	require.NoError(t, <-done)
}

func emit(t *testing.T, pool *pgxpool.Pool, name, data, options string) {
	t.Helper()
	_, err := pool.Exec(t.Context(), `SELECT carillon.emit($1, $2::jsonb, $3::jsonb)`, name, data, options)
	require.NoError(t, err)
}

func await(t *testing.T, pool *pgxpool.Pool, sql string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var come bool
		return pool.QueryRow(t.Context(), sql).Scan(&come) == nil && come
	}, 30*time.Second, 20*time.Millisecond, "it did not come true: %s", sql)
}

// outcomes are the states and reasons that the receipts have reached.
func outcomes(t *testing.T, pool *pgxpool.Pool) map[string]bool {
	t.Helper()
	var pairs []string
	require.NoError(t, pool.QueryRow(t.Context(),
		`SELECT array_agg(DISTINCT state || coalesce('(' || reason || ')', '')) FROM carillon.receipts`).Scan(&pairs))
	reached := map[string]bool{}
	for _, pair := range pairs {
		reached[pair] = true
	}
	return reached
}
