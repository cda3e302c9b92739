package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// reportTimeout bounds what is told to a transport after its sends.
const reportTimeout = 10 * time.Second

// target asks transports that keep their recipients in the database where each message goes.
func (r *run) target(ctx context.Context) error {
	for t, items := range r.targeted(r.open()) {
		started := time.Now()
		messages := make([]transports.Message, len(items))
		for i, it := range items {
			body := it.frozen
			if body == nil {
				body = &receipts.Body{Recipient: it.recipient, Options: it.channel.Options.Fixed()}
			}
			messages[i] = it.messageOf(body)
		}
		var targets []transports.Target
		err := r.contain(ctx, "transport", items[0], func() (err error) {
			targets, err = t.Targets(ctx, r.db, r.batch.ClaimedAt, messages)
			if err == nil && len(targets) != len(messages) {
				err = transports.Errorf(transports.Transient, "the transport has %d targets for %d messages", len(targets), len(messages))
			}
			return err
		})
		var failure *transports.Error
		if err != nil && !errors.As(err, &failure) {
			return err
		}
		for i, it := range items {
			if failure != nil {
				r.settleFailure(it, failure, started)
				continue
			}
			r.aim(it, targets[i], started)
		}
	}
	return nil
}

func (r *run) aim(it *item, at transports.Target, started time.Time) {
	switch {
	case at.Err != nil:
		r.settleFailure(it, at.Err, started)
	case at.Off != "":
		reason := receipts.SwitchedOff
		if at.NoAddress {
			reason = receipts.NoAddress
		}
		it.verdicts = append(it.verdicts, receipts.Verdict{Rule: "target", Verdict: verdictSkip, Reason: reason, Detail: at.Off})
		it.settle(receipts.Result{State: receipts.Skipped, Reason: reason})
	default:
		it.target = at.Value
	}
}

// encode lets the transport make its bytes, which are stored with the content.
func (r *run) encode(ctx context.Context, it *item) error {
	t, ok := r.transports[it.Transport].(transports.Encoder)
	if !ok {
		return nil
	}
	return r.contain(ctx, "transport", it, func() error {
		payload, err := t.Encode(it.message())
		it.body.Payload = string(payload)
		return err
	})
}

// report tells transports that keep their recipients what became of the sends. That is bookkeeping of theirs: if it
// fails the receipts are recorded all the same.
func (r *run) report(ctx context.Context) error {
	var sent []*item
	for _, it := range r.items {
		if it.try > 0 && it.result != nil && it.result.Attempt != nil {
			sent = append(sent, it)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTimeout)
	defer cancel()
	for t, items := range r.targeted(sent) {
		if err := r.reportTo(ctx, t, items); err != nil {
			r.logger.WarnContext(ctx, "outcomes were not reported to the transport",
				slog.String("transport", t.Name()), slog.String("err", err.Error()))
		}
	}
	return nil
}

func (r *run) reportTo(ctx context.Context, t transports.Targeted, items []*item) error {
	return pgx.BeginFunc(ctx, r.db, func(tx pgx.Tx) error {
		var notices []transports.Notice
		err := r.contain(ctx, "transport", items[0], func() (err error) {
			notices, err = t.Report(ctx, tx, r.batch.ClaimedAt, outcomesOf(items))
			return err
		})
		if err != nil {
			return err
		}
		for _, n := range notices {
			r.announce(ctx, tx, n)
		}
		return nil
	})
}

// announce logs a notice, and emits it if the application has declared what to do with it.
func (r *run) announce(ctx context.Context, tx pgx.Tx, n transports.Notice) {
	r.logger.WarnContext(ctx, "transport notice", slog.String("event", n.Event), slog.String("subject", n.Subject))
	declared, known := r.registry.Event(n.Event)
	if !known {
		return
	}
	name := strings.TrimPrefix(declared.Name, declared.ResourceType+".")
	_, err := dispatch.For(r.dispatcher, dispatch.Resource[json.RawMessage]{Name: declared.ResourceType}).EmitTx(ctx, tx, name,
		json.RawMessage(n.Data), &dispatch.EmitOpts{
			Tenant: n.Tenant, ResourceID: n.Subject, IdempotencyKey: n.Key, Actor: "carillon", Savepoint: true,
		})
	if err != nil {
		r.logger.ErrorContext(ctx, "transport notice was not emitted", slog.String("event", n.Event), slog.String("err", err.Error()))
	}
}

// targeted groups items by the transports that keep their recipients in the database.
func (r *run) targeted(items []*item) map[transports.Targeted][]*item {
	groups := map[transports.Targeted][]*item{}
	for _, it := range items {
		if t, ok := r.transports[it.Transport].(transports.Targeted); ok {
			groups[t] = append(groups[t], it)
		}
	}
	return groups
}
