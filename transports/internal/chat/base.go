package chat

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/internal/provider"
)

// Base is what the transports of chat services have in common. It is safe for concurrent use.
type Base struct {
	Ways   *Ways
	Client *provider.Client

	title string
	rooms *rooms
	now   func() time.Time
}

// New returns the base of a transport. The error lists every problem of the configuration, each with its field, and
// quotes no secret; those of further fields may be added to it.
func New(c *Config) (*Base, error) {
	ways, err := c.check()
	if err != nil {
		return nil, err
	}
	client, err := provider.NewClient(provider.Config{URLs: ways.urls, Timeout: c.Timeout, Secrets: ways.secrets})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Transport, err)
	}
	return &Base{Ways: ways, Client: client, title: c.Title, rooms: newRooms(c.Transport, ways), now: c.NowFunc}, nil
}

// CheckAddress finds addresses that lead nowhere.
func (b *Base) CheckAddress(address string) error {
	_, err := b.Ways.Room(address)
	return err
}

// Deliver posts the body that compose makes of m. What is wrong with the message itself is found before anything is
// sent, and a room that is known to be gone costs no request.
func (b *Base) Deliver(
	ctx context.Context, m transports.Message,
	compose func(to Room) ([]byte, error),
	post func(to Room, body []byte) (transports.Result, *transports.Error),
) (transports.Result, error) {
	if err := ctx.Err(); err != nil {
		return transports.Result{}, transports.Classify(err)
	}
	to, err := b.Ways.Room(m.Recipient.Address)
	if err != nil {
		return transports.Result{}, transports.Errorf(transports.Address, "%s", err)
	}
	if b.rooms.isGone(to, b.now()) {
		return transports.Result{}, &transports.Error{
			Class: transports.Address, Code: codeGone, Detail: b.title + " said before that the channel or webhook is gone",
		}
	}
	body, err := compose(to)
	if err != nil {
		return transports.Result{}, err
	}
	result, failed := post(to, body)
	if failed == nil {
		return result, nil
	}
	if failed.Class == transports.Address {
		b.rooms.close(to, b.now())
	}
	return transports.Result{}, failed
}

// Targets skips what would go to a room that is gone.
func (b *Base) Targets(
	ctx context.Context, db transports.Querier, now time.Time, ms []transports.Message,
) ([]transports.Target, error) {
	return b.rooms.targets(ctx, db, now, ms)
}

// Report remembers rooms that are gone.
func (b *Base) Report(
	ctx context.Context, db transports.Querier, now time.Time, outcomes []transports.Outcome,
) ([]transports.Notice, error) {
	return b.rooms.report(ctx, db, now, outcomes)
}
