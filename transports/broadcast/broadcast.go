package broadcast

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/transports"
)

var (
	_ transports.InDatabase     = (*Transport)(nil)
	_ transports.AddressChecker = (*Transport)(nil)
)

// Transport notifies.
type Transport struct{}

// New returns the transport. It has nothing to configure.
func New() *Transport { return &Transport{} }

// Name is "broadcast".
func (*Transport) Name() string { return transports.Broadcast }

// Spec is [transports.BroadcastSpec].
func (*Transport) Spec() transports.Spec { return transports.BroadcastSpec() }

// CheckAddress accepts topics.
func (*Transport) CheckAddress(address string) error { return checkTopic(address) }

// Send refuses: a signal is only ever sent by [Transport.SendTx].
func (*Transport) Send(context.Context, transports.Message) (transports.Result, error) {
	return transports.Result{}, transports.Errorf(transports.Configuration,
		"broadcast signals inside the database (call SendTx in the recording transaction)")
}

// SendTx notifies once per message when tx commits. Whatever cannot be sent is found before the first.
func (*Transport) SendTx(ctx context.Context, tx pgx.Tx, ms []transports.Message) ([]transports.Result, error) {
	signals := make([]string, len(ms))
	results := make([]transports.Result, len(ms))
	for i, m := range ms {
		s, encoded, err := Of(m)
		if err != nil {
			return nil, err
		}
		signals[i] = string(encoded)
		results[i] = transports.Result{Provider: "postgres", ProviderMessageID: s.ID.String()}
	}
	if _, err := tx.Exec(ctx, sqlNotify, pgx.StrictNamedArgs{"channel": Channel, "signals": signals}); err != nil {
		return nil, fmt.Errorf("notify of %d signals: %w", len(ms), err)
	}
	return results, nil
}
