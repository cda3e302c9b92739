package transports

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// This file holds the interfaces that a transport may implement beyond [Transport], each with what it then gets; [Prober]
// stands with the policies that ask for it.

// InDatabase is implemented by a transport whose delivery is a row in the dispatcher's database. SendTx is called
// instead of [Transport.Send], in the transaction that records the result, so that both commit or neither does.
//
// It returns one result per message, in order. An error means that none was delivered, and rolls the transaction back.
type InDatabase interface {
	Transport
	SendTx(ctx context.Context, tx pgx.Tx, ms []Message) ([]Result, error)
}

// Closer is implemented by transports that hold connections. Close is called once, after the last Send returned.
type Closer interface {
	Close(ctx context.Context) error
}

// AddressChecker is implemented by a transport that can tell, without any network, that an address will never do. Fixed
// addresses are asked about when a configuration is read and when a worker is made, so that a mistake is found at
// start; the address of a person is found out about by sending.
//
// The error says what is wrong in words that do not repeat the address.
type AddressChecker interface {
	Transport
	CheckAddress(address string) error
}

// Previewer is implemented by a transport that can show what it would send, without any network. What a mode of delivery
// captures is written that way; of any other transport, the message as JSON.
type Previewer interface {
	Transport
	// Preview returns the bytes, and the extension of a file that holds them, such as ".eml".
	Preview(m Message) (content []byte, extension string, err error)
}
