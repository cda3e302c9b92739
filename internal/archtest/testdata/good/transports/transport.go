// Package transports has the contract.
package transports

import "context"

// Transport carries a message.
type Transport interface {
	Send(ctx context.Context, text string) error
}
