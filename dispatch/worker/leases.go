package worker

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/receipts"
)

// margin is how long before the end of a lease its sends are cut, so that whoever reclaims it does not send beside us.
const margin = 2 * time.Second

// leases keeps the leases of this process alive, and ends the work under those that are lost.
type leases struct {
	store  *receipts.Store
	db     receipts.DB
	length time.Duration
	logger *slog.Logger
	// telemetry may be nil.
	telemetry *telemetry.Telemetry

	mu   sync.Mutex
	held map[uuid.UUID]*held
}

type held struct {
	cancel context.CancelCauseFunc
	// end fires when the lease was not renewed in time.
	end *time.Timer
}

func newLeases(store *receipts.Store, db receipts.DB, length time.Duration, logger *slog.Logger) *leases {
	return &leases{store: store, db: db, length: length, logger: logger, held: map[uuid.UUID]*held{}}
}

// hold returns a context that ends when the lease does. Call release when the batch is done.
func (l *leases) hold(ctx context.Context, token uuid.UUID) (leased context.Context, release func()) {
	leased, cancel := context.WithCancelCause(ctx)
	h := &held{cancel: cancel}
	h.end = time.AfterFunc(l.length-margin, func() { cancel(receipts.ErrLeaseLost) })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[token] = h
	return leased, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.held, token)
		h.end.Stop()
		cancel(nil)
	}
}

// cut ends the work under all leases.
func (l *leases) cut(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.held {
		h.cancel(cause)
	}
}

// renew prolongs all leases in one statement.
func (l *leases) renew(ctx context.Context) error {
	tokens := l.tokens()
	if len(tokens) == 0 {
		return nil
	}
	started := time.Now()
	stand, err := l.store.Renew(ctx, l.db, tokens, l.length)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, token := range tokens {
		h, still := l.held[token]
		switch {
		case !still:
		case slices.Contains(stand, token):
			h.end.Reset(l.length - margin - time.Since(started))
		default:
			l.telemetry.LeaseLost()
			l.logger.WarnContext(ctx, "a lease was lost", slog.String("token", token.String()))
			h.cancel(receipts.ErrLeaseLost)
		}
	}
	return nil
}

func (l *leases) tokens() []uuid.UUID {
	l.mu.Lock()
	defer l.mu.Unlock()
	tokens := make([]uuid.UUID, 0, len(l.held))
	for token := range l.held {
		tokens = append(tokens, token)
	}
	return tokens
}
