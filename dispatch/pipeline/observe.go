package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// described says to the telemetry which receipt an attempt is about.
func (it *item) described() telemetry.Attempt {
	return telemetry.Attempt{
		ReceiptID: it.ID, EventID: it.EventID, Event: it.Event.Name, Channel: it.Channel, Transport: it.Transport,
		Priority: it.Priority, N: it.try, Trace: it.Event.Trace,
	}
}

// delay is for how long a receipt has been due at its first send; negative for a later one.
func (r *run) delay(it *item) time.Duration {
	if it.try != 1 {
		return -1
	}
	// Due time and claim are of the database's clock; what went by since is of ours.
	return max(0, r.batch.ClaimedAt.Sub(it.DueAt)) + time.Since(r.began)
}

// observe reports an item that is settled: the attempt, if there was one, and a line about one that failed. The line
// has no detail, which is stored with the attempt: a log goes to more places than the database.
func (r *run) observe(ctx context.Context, it *item) {
	made := it.result.Attempt
	if it.traced != nil {
		it.traced.End(it.result)
	} else if made != nil {
		r.telemetry.Attempted(ctx, it.described(), it.result)
	}
	if made == nil || made.Class == transports.OK {
		return
	}
	level := slog.LevelInfo
	if it.result.State.Terminal() || made.Class == transports.Configuration {
		level = slog.LevelWarn
	}
	r.logger.LogAttrs(ctx, level, "attempt failed",
		slog.String("receipt_id", it.ID.String()), slog.String("event_id", it.EventID.String()),
		slog.String("event", it.Event.Name), slog.String("transport", it.Transport), slog.Int("attempt", it.try),
		slog.String("class", string(made.Class)), slog.String("code", telemetry.PlainCode(made.Code)),
		slog.String("state", string(it.result.State)), slog.String("reason", string(it.result.Reason)),
		slog.Duration("wait", it.result.Wait), slog.String("trace_id", it.traceID()))
}

// traceID is the trace that the event came from, which the attempt's own is linked to.
func (it *item) traceID() string {
	if origin := telemetry.ParseTrace(it.Event.Trace); origin.IsValid() {
		return origin.TraceID().String()
	}
	return ""
}

// finished counts a recorded result if it ends its receipt.
func (r *run) finished(result receipts.Result) {
	for _, it := range r.items {
		if it.ID == result.ID {
			r.count(it, result)
		}
	}
}

func (r *run) count(it *item, result receipts.Result) {
	if !result.State.Terminal() {
		return
	}
	event := ""
	if it.event != nil {
		event = it.event.Name
	}
	r.telemetry.Finished(event, it.Transport, result.State, result.Reason)
}

// wrote reports items that were written in this database, those of them that were still the batch's.
func (r *run) wrote(ctx context.Context, items []*item) {
	for _, it := range items {
		if it.result != nil {
			r.observe(ctx, it)
			r.count(it, *it.result)
		}
	}
}

// countUnclassified counts an error of which its transport did not say what it means.
func (r *run) countUnclassified(it *item, err error) {
	var classified *transports.Error
	if !errors.As(err, &classified) || classified.Class == "" {
		r.telemetry.Unclassified(it.Transport)
	}
}
