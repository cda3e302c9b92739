package email

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// lookupTimeout bounds the name's lookup; half of the dial's own time does, too, since the address needs the rest.
const lookupTimeout = 5 * time.Second

// dialer connects by a resolver; nil is the system's.
type dialer struct {
	resolver *net.Resolver
	lookup   time.Duration
}

// dial connects like [net.Dialer], with a time limit of its own for the lookup, which net.Dialer tells of by the hooks
// that it has for HTTP.
func (d dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var late atomic.Bool
	timer := time.AfterFunc(d.lookup, func() {
		late.Store(true)
		cancel()
	})
	defer timer.Stop()
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone: func(httptrace.DNSDoneInfo) { timer.Stop() },
		// An address that needs no lookup.
		ConnectStart: func(string, string) { timer.Stop() },
	})
	nc, err := (&net.Dialer{Resolver: d.resolver}).DialContext(traced, network, addr)
	if err != nil && late.Load() {
		return nil, &net.DNSError{Err: "no answer in time", IsTimeout: true, IsTemporary: true}
	}
	return nc, err
}
