package classify

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync"
)

// Request watches one HTTP request. It is safe for concurrent use.
type Request struct {
	mu        sync.Mutex
	writing   bool
	written   bool
	handshake bool // failed
}

// Trace returns a context to make a request with, and what is known of that request then.
func Trace(ctx context.Context) (context.Context, *Request) {
	r := &Request{}
	note := func(f func()) {
		r.mu.Lock()
		defer r.mu.Unlock()
		f()
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) { note(func() { r.handshake = err != nil }) },
		WroteHeaders:     func() { note(func() { r.writing = true }) },
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			note(func() { r.writing, r.written = false, r.written || info.Err == nil })
		},
	}), r
}

// Written tells whether the request may have left whole: if so, and no answer came, the provider may have acted on it.
// When in doubt it says yes.
//
// It counts from the moment the headers are handed to the connection, not from the end of the writing, because the end of
// the context may be noticed between the last byte and the note about it. A write that failed takes it back: a request
// whose bytes did not all leave cannot have been understood.
func (r *Request) Written() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writing || r.written
}

// Stage is [StageAnswer] once the request may have left.
func (r *Request) Stage() Stage {
	if r.Written() {
		return StageAnswer
	}
	return StageRequest
}

// Failed is the outcome of a request that ended in err, without an answer. The context is the one given to [Trace].
func (r *Request) Failed(ctx context.Context, err error) Outcome {
	o := Outcome{Stage: r.Stage(), Fault: FaultOf(ctx, err), Err: err}
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.Fault == FaultLost && r.handshake && !IsBroken(err) {
		o.Fault = FaultTLS // both sides are there and do not agree
	}
	return o
}
