package transporttest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/carillon-notify/carillon/transports"
)

var (
	_ transports.Prober = (*Fake)(nil)
	_ transports.Router = (*Fake)(nil)
)

// FakeConfig describes a [Fake].
type FakeConfig struct {
	// Spec defaults to that of the transport of the same name that Carillon brings, else to one that sends every content
	// field to an email address and requires a message. Its Name is always the fake's.
	Spec transports.Spec
	// SendFunc decides what becomes of a message. It is called concurrently, without a lock. Defaults to accepting.
	SendFunc func(ctx context.Context, m transports.Message) (transports.Result, error)
	// ProbeFunc answers for the provider whether it has a message; the fake's spec then says that it can be asked.
	// Defaults, where Spec says so, to whether the fake has accepted a message for the same receipt.
	ProbeFunc func(ctx context.Context, m transports.Message) (transports.Result, bool, error)
	// DestinationFunc says where a message goes. Defaults to one place for all, without a rate.
	DestinationFunc func(m transports.Message) transports.Destination
}

// Fake is a transport in memory. It is safe for concurrent use.
type Fake struct {
	spec            transports.Spec
	sendFunc        func(ctx context.Context, m transports.Message) (transports.Result, error)
	destinationFunc func(m transports.Message) transports.Destination
	probe           func(ctx context.Context, m transports.Message) (transports.Result, bool, error)

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced with every acceptance
	tried    []transports.Message
	probed   []transports.Message
	accepted []transports.Message
}

// NewFake returns a transport called name. A nil config accepts everything.
func NewFake(name string, config *FakeConfig) *Fake {
	var c FakeConfig
	if config != nil {
		c = *config
	}
	f := &Fake{
		spec: c.Spec, sendFunc: c.SendFunc, probe: c.ProbeFunc, destinationFunc: c.DestinationFunc, changed: make(chan struct{}),
	}
	if len(f.spec.Fields()) == 0 && f.spec.Options == nil {
		f.spec = fakeSpec(name)
	}
	f.spec.Name = name
	f.spec.Probes = f.spec.Probes || f.probe != nil
	if f.probe == nil {
		f.probe = f.has
	}
	if f.sendFunc == nil {
		f.sendFunc = func(context.Context, transports.Message) (transports.Result, error) {
			return transports.Result{Provider: "fake"}, nil
		}
	}
	return f
}

// Name is the name that the fake was made with.
func (f *Fake) Name() string { return f.spec.Name }

// Spec is the spec that the fake was made with.
func (f *Fake) Spec() transports.Spec { return f.spec }

// Destination is that of DestinationFunc.
func (f *Fake) Destination(m transports.Message) transports.Destination {
	if f.destinationFunc == nil {
		return transports.Destination{}
	}
	return f.destinationFunc(m)
}

// Send records m, and asks SendFunc. If ctx ended before, it does neither.
func (f *Fake) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if err := ctx.Err(); err != nil {
		return transports.Result{}, transports.Classify(err)
	}
	f.mu.Lock()
	f.tried = append(f.tried, m)
	f.mu.Unlock()

	result, err := f.sendFunc(ctx, m)
	if err != nil {
		return transports.Result{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accepted = append(f.accepted, m)
	close(f.changed)
	f.changed = make(chan struct{})
	return result, nil
}

// Probe records m, and asks ProbeFunc.
func (f *Fake) Probe(ctx context.Context, m transports.Message) (transports.Result, bool, error) {
	f.mu.Lock()
	f.probed = append(f.probed, m)
	f.mu.Unlock()
	return f.probe(ctx, m)
}

func (f *Fake) has(_ context.Context, m transports.Message) (transports.Result, bool, error) {
	same := func(a transports.Message) bool { return a.ReceiptID == m.ReceiptID }
	return transports.Result{Provider: "fake"}, slices.ContainsFunc(f.Accepted(), same), nil
}

// Probed lists every message that Probe was called with, in order.
func (f *Fake) Probed() []transports.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.probed)
}

// Tried lists every message that Send was called with, in order.
func (f *Fake) Tried() []transports.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.tried)
}

// Accepted lists the messages that were accepted, in order.
func (f *Fake) Accepted() []transports.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.accepted)
}

// Wait returns once at least n messages were accepted, or with the context's error and what there is.
func (f *Fake) Wait(ctx context.Context, n int) ([]transports.Message, error) {
	for {
		f.mu.Lock()
		accepted, changed := slices.Clone(f.accepted), f.changed
		f.mu.Unlock()
		if len(accepted) >= n {
			return accepted, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return accepted, fmt.Errorf("%d of %d messages were accepted: %w", len(accepted), n, ctx.Err())
		}
	}
}

func fakeSpec(name string) transports.Spec {
	for _, spec := range transports.Builtin() {
		if spec.Name == name {
			return spec
		}
	}
	spec := transports.Spec{Doc: "a transport in memory", Address: transports.AddressEmail, Required: []string{transports.FieldMessage}}
	var all transports.Content
	for _, field := range all.Fields() {
		if field.Name != transports.FieldMessage {
			spec.Uses = append(spec.Uses, field.Name)
		}
	}
	return spec
}
