package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

const (
	createOrder = dispatch.Action("create")
	created     = "created"
	// maxAttempts is what carillon.emit_event gives its jobs.
	maxAttempts = 25
)

// order is the payload: about 260 bytes of JSON, as events of real applications have.
type order struct {
	ID         string   `json:"id"`
	Number     string   `json:"order_number"`
	UserID     string   `json:"user_id"`
	Admins     []string `json:"admins"`
	TotalCents int64    `json:"total_cents"`
	Currency   string   `json:"currency"`
	Address    string   `json:"address"`
	Note       string   `json:"note"`
}

// shop is an application with orders, whose creation tells the buyer in the application and by email, and the admins by
// email.
type shop struct {
	orders *dispatch.Handle[order]
	event  string
	wires  []wire
	jobs   *river.Client[pgx.Tx]
	last   atomic.Int64
}

// wire is what the naive way writes for a channel.
type wire struct{ channel, transport, audience string }

func newShop() (*shop, error) {
	channels := []dispatch.Channel{
		{Transport: transports.InApp, Audience: "user"},
		{Transport: transports.Email, Audience: "user"},
		{Transport: transports.Email, Audience: "admins"},
	}
	dispatcher, orders, err := declare(channels)
	if err != nil {
		return nil, err
	}
	// A client that only inserts, as an application beside its workers has.
	jobs, err := river.NewClient(riverpgxv5.New(nil), &river.Config{Schema: "carillon"})
	if err != nil {
		return nil, fmt.Errorf("make the client of river: %w", err)
	}
	s := &shop{orders: dispatch.For(dispatcher, orders), event: orders.Name + "." + created, jobs: jobs}
	declared, known := dispatcher.Registry().Event(s.event)
	if !known {
		return nil, fmt.Errorf("look up %s: %w", s.event, dispatch.ErrUnknownEvent)
	}
	for _, c := range declared.Channels {
		s.wires = append(s.wires, wire{channel: c.Name, transport: c.Transport, audience: c.Audience})
	}
	return s, nil
}

func declare(channels []dispatch.Channel) (*dispatch.Dispatcher, dispatch.Resource[order], error) {
	orders := dispatch.Resource[order]{
		Name:    "orders",
		KeyFunc: func(o order) string { return o.ID },
		Actions: []dispatch.Action{createOrder},
		Audiences: map[string]dispatch.Audience{
			"user":   dispatch.Person(func(o order) string { return o.UserID }),
			"admins": dispatch.People(func(o order) []string { return o.Admins }),
		},
		Events: []dispatch.Event[order]{{
			Name:     created,
			On:       []dispatch.Action{createOrder},
			Category: "orders",
			Channels: channels,
			Content: dispatch.Content{
				Subject: "Order {{ order_number }}",
				Title:   "Order {{ order_number }}",
				Message: "Hello {{ recipient.name }}, we have your order {{ order_number }}.",
			},
		}},
	}
	dispatcher, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{orders}, Categories: []dispatch.Category{{Name: "orders"}},
	})
	return dispatcher, orders, err
}

// next is an order that was not there before.
func (s *shop) next() order {
	n := s.last.Add(1)
	return order{
		ID: fmt.Sprintf("ord_%012d", n), Number: fmt.Sprintf("A-%08d", n), UserID: "user_1",
		Admins: []string{"admin_1", "admin_2"}, TotalCents: 12900 + n%1000, Currency: "EUR",
		Address: "Carrer de la Campana 12, 08001 Barcelona", Note: "Please ring twice and leave it with the neighbour.",
	}
}

// act is one transaction with a new order. All of them insert the order the same way.
type act func(ctx context.Context, conn *pgx.Conn, o order) error

// domain is the application's transaction without any notification.
func (s *shop) domain(ctx context.Context, conn *pgx.Conn, o order) error {
	return inOrder(ctx, conn, o, func(pgx.Tx) error { return nil })
}

// emit adds an emit to it.
func (s *shop) emit(ctx context.Context, conn *pgx.Conn, o order) error {
	return inOrder(ctx, conn, o, func(tx pgx.Tx) error {
		_, err := s.orders.EmitTx(ctx, tx, created, o, nil)
		return err
	})
}

// emitKeyed is emit with an idempotency key.
func (s *shop) emitKeyed(ctx context.Context, conn *pgx.Conn, o order) error {
	return inOrder(ctx, conn, o, func(tx pgx.Tx) error {
		_, err := s.orders.EmitTx(ctx, tx, created, o, &dispatch.EmitOpts{IdempotencyKey: o.ID})
		return err
	})
}

// emitRepeated emits under a key that every order shares, so that all but the first are duplicates.
func (s *shop) emitRepeated(ctx context.Context, conn *pgx.Conn, o order) error {
	return inOrder(ctx, conn, o, func(tx pgx.Tx) error {
		_, err := s.orders.EmitTx(ctx, tx, created, order{ID: "the same"}, &dispatch.EmitOpts{IdempotencyKey: "the same"})
		return err
	})
}

// trigger emits by the action.
func (s *shop) trigger(ctx context.Context, conn *pgx.Conn, o order) error {
	return inOrder(ctx, conn, o, func(tx pgx.Tx) error {
		_, err := s.orders.TriggerTx(ctx, tx, createOrder, o, nil)
		return err
	})
}

// naive writes what an emit writes as one would by hand: a statement per row, and the jobs by River's own client. The
// jobs come before the receipts because those store the id of theirs.
func (s *shop) naive(ctx context.Context, conn *pgx.Conn, o order) error {
	return inOrder(ctx, conn, o, func(tx pgx.Tx) error {
		data, err := json.Marshal(o)
		if err != nil {
			return err
		}
		event, err := uuid.NewV7()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlInsertEvent, event, s.event, "orders", o.ID, string(data), len(s.wires)); err != nil {
			return fmt.Errorf("insert the event: %w", err)
		}
		jobs := make([]river.InsertManyParams, len(s.wires))
		ids := make([]uuid.UUID, len(s.wires))
		for i, w := range s.wires {
			if ids[i], err = uuid.NewV7(); err != nil {
				return err
			}
			jobs[i] = river.InsertManyParams{Args: worker.Args{Receipt: ids[i]}, InsertOpts: &river.InsertOpts{
				Queue: receipts.Lane(w.transport, receipts.Default), Priority: int(receipts.Default), MaxAttempts: maxAttempts,
			}}
		}
		inserted, err := s.jobs.InsertManyTx(ctx, tx, jobs)
		if err != nil {
			return fmt.Errorf("insert the jobs: %w", err)
		}
		for i, w := range s.wires {
			_, err := tx.Exec(ctx, sqlInsertReceipt,
				ids[i], event, w.channel, w.transport, w.audience, receipts.Default, inserted[i].Job.ID)
			if err != nil {
				return fmt.Errorf("insert the receipt of %s: %w", w.channel, err)
			}
		}
		return nil
	})
}

// inOrder begins, inserts the order, does what else belongs to it, and commits.
func inOrder(ctx context.Context, conn *pgx.Conn, o order, also func(tx pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlInsertOrder, o.ID, o.UserID, o.Number, o.TotalCents); err != nil {
			return fmt.Errorf("insert the order: %w", err)
		}
		return also(tx)
	})
}
