package egress

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync/atomic"
)

// progress follows one request. Its hooks are called by goroutines of net/http, also after the request ended.
type progress struct {
	reached atomic.Int32
	written atomic.Bool
}

var phases = []Phase{PhaseStart, PhaseDNS, PhaseConnect, PhaseTLS, PhaseWrite, PhaseRead}

// phase is the last one that began.
func (p *progress) phase() Phase { return phases[p.reached.Load()] }

func (p *progress) reach(step int32) {
	for {
		seen := p.reached.Load()
		if step <= seen || p.reached.CompareAndSwap(seen, step) {
			return
		}
	}
}

func (p *progress) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { p.reach(1) },
		ConnectStart:      func(string, string) { p.reach(2) },
		TLSHandshakeStart: func() { p.reach(3) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err == nil {
				p.reach(4)
			}
		},
		GotConn: func(httptrace.GotConnInfo) { p.reach(4) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				p.reach(5)
				p.written.Store(true)
			}
		},
	})
}
