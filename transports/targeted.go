package transports

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Querier is what a transport reads and writes its own tables through.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Targeted is implemented by a transport whose recipients are rows of the dispatcher's database, such as the endpoints
// of webhooks. Its sends hold no connection: what they need of the row is read before, for the whole batch, and what
// became of them is told after.
type Targeted interface {
	Transport
	// Targets says where each message goes, in order. It is asked before a message is rendered, with those of its options that are no templates, and again before every
	// later try. now is the database's clock. An error that is no [Error] counts as the database's.
	Targets(ctx context.Context, db Querier, now time.Time, ms []Message) ([]Target, error)
	// Report is told what became of the sends of a batch, once that is recorded, in a transaction of its own. It may be
	// told of a send never, or twice, if a process dies.
	Report(ctx context.Context, db Querier, now time.Time, outcomes []Outcome) ([]Notice, error)
}

// Target is where one message goes.
type Target struct {
	// Value comes back as [Message.Target].
	Value any
	// Off says in words why nothing may be sent; empty if something may. It skips the receipt.
	Off string
	// NoAddress says that Off is about a recipient who has nothing to send to, rather than about something that is there
	// and switched off.
	NoAddress bool
	// Err fails the try instead of a send; nil if nothing is wrong.
	Err *Error
}

// Keeper is implemented by a transport that must know at the next try what became of this one, such as which of a
// person's devices have the message. A send notes that in its own [Message.Target], which belongs to the one try.
//
// KeepTx is called in the transaction that records the results of the sends, so that neither is there without the other;
// its error rolls both back. It may be called for a send whose result was fenced off.
type Keeper interface {
	Targeted
	KeepTx(ctx context.Context, db Querier, now time.Time, outcomes []Outcome) error
}

// Outcome is what became of one send.
type Outcome struct {
	Message Message
	// Class is [OK] for an accepted message.
	Class Class
	// Code is that of the [Error].
	Code string
}

// Notice is something that an operator, or the tenant, should hear of. It is logged, and emitted as an event if the
// application declares one of that name.
type Notice struct {
	// Event is the full name, such as "carillon.endpoint_disabled".
	Event string
	// Tenant is whose it is.
	Tenant string
	// Subject is the id of the row that it is about.
	Subject string
	// Data is the event's data: a JSON object.
	Data []byte
	// Key is the event's idempotency key.
	Key string
}

// Encoder is implemented by a transport that sends bytes of its own making, and not text alone. Encode is called when
// a message is first rendered; what it returns is stored, and is [Message.Payload] on every try. An error fails the
// receipt.
type Encoder interface {
	Transport
	Encode(m Message) ([]byte, error)
}
