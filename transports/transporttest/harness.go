package transporttest

import (
	"context"
	"testing"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

// Harness tells [Run] about a transport.
type Harness struct {
	// NewFunc returns a fresh transport and the fake provider behind it, which it closes by tb.Cleanup. The transport
	// itself is closed by the suite. Required.
	NewFunc func(tb testing.TB) (transports.Transport, Provider)
	// SendFunc sends one message. Defaults to the transport's Send; an [transports.InDatabase] begins a transaction,
	// calls SendTx and commits.
	SendFunc func(ctx context.Context, t transports.Transport, m transports.Message) (transports.Result, error)
	// MessageFunc returns a message that the transport delivers, different in its receipt id each time. Defaults to
	// [NewMessage] for the transport's spec.
	MessageFunc func() transports.Message
	// Secrets are the credentials that the transport was made with. They must show up nowhere.
	Secrets []string
	// Behaviours are what the provider can do, with what each means. They should cover every line of the transport's
	// classification, and their replies should repeat the secrets, the address and the message, as real ones do.
	Behaviours []Behaviour
	// Skip names checks that do not apply, by the names of their subtests, each with the reason.
	Skip map[string]string
}

// Behaviour is something that a provider does, and what a transport must make of it.
type Behaviour struct {
	// Name is what [Provider.Behave] knows it by.
	Name string
	// Class is the expected class; [transports.OK] expects success.
	Class transports.Class
	// RetryAfter is the expected wait; it is not checked if 0.
	RetryAfter time.Duration
	// Attempt is which attempt the message is on. Defaults to 1.
	Attempt int
}

// Provider is the fake service behind a transport under test. It is safe for concurrent use.
type Provider interface {
	// Deliveries lists what the provider accepted, in order.
	Deliveries() []Delivery
	// Tries counts the messages that were offered to it, accepted or not. Mere connections do not count.
	Tries() int
	// Behave makes it behave as named from now on.
	Behave(behaviour string)
	// Stall makes it take requests and never answer. The channel is closed when one is stalled.
	Stall() (stalled <-chan struct{})
}

// Connected is implemented by a provider that counts its open connections. The suite then looks for leaks.
type Connected interface {
	Connections() int
}

// Flooder is implemented by a provider that can answer without end. The suite then looks whether a transport stops
// reading. Written tells how many bytes of such answers got away so far.
type Flooder interface {
	Flood() (written func() int64)
}

// Delivery is one message as its recipient gets it.
type Delivery struct {
	// Key is what the provider or the recipient can recognise a repetition by.
	Key string
	// Body is what was sent, byte for byte, but for signatures and times that belong to a single try.
	Body []byte
	// Address is where it went.
	Address string
	// Content is what the recipient reads: decoded, and only of fields that arrive as such.
	Content transports.Content
}
