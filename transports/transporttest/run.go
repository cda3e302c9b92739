package transporttest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/carillon-notify/carillon/transports"
)

// patience is how long the suite waits for what must happen. It decides nothing in a test that passes.
const patience = 30 * time.Second

// promptly is how soon a send must return after its context ended.
const promptly = 5 * time.Second

// check is one subtest of the suite.
type check struct {
	name string
	run  func(t *testing.T, s *suite)
}

var checks = []check{
	{"Spec", checkSpec},
	{"Delivers", checkDelivers},
	{"Classifies", checkClassifies},
	{"CancelledBefore", checkCancelledBefore},
	{"CancelledDuring", checkCancelledDuring},
	{"DeadlineDuring", checkDeadlineDuring},
	{"SameOnEveryTry", checkSameOnEveryTry},
	{"DifferentReceipts", checkDifferentReceipts},
	{"WholeRunes", checkWholeRunes},
	{"HostileText", checkHostileText},
	{"HostileAddress", checkHostileAddress},
	{"Addresses", checkAddresses},
	{"Options", checkOptions},
	{"NoAddress", checkNoAddress},
	{"Concurrent", checkConcurrent},
	{"Close", checkClose},
	{"BoundedAnswers", checkBoundedAnswers},
	{"NoConnectionLeft", checkNoConnectionLeft},
	{"NoGoroutineLeft", checkNoGoroutineLeft},
}

// suite is a harness with its defaults.
type suite struct{ Harness }

// Run is the conformance suite: each check is a subtest. It must not be called from a parallel test, because it looks
// for goroutines that were left behind. It takes a few seconds, one of which it waits for the clock to move.
func Run(t *testing.T, h Harness) {
	t.Helper()
	require.NotNil(t, h.NewFunc, "harness: NewFunc is required")
	for name, reason := range h.Skip {
		known := slices.ContainsFunc(checks, func(c check) bool { return c.name == name })
		require.True(t, known, "harness: Skip names %q, which is no check", name)
		require.NotEmpty(t, reason, "harness: Skip gives no reason for %q", name)
	}
	if h.Skip["Classifies"] == "" {
		require.NotEmpty(t, h.Behaviours, "harness: Behaviours are required (or skip Classifies)")
	}
	s := &suite{h}
	if s.SendFunc == nil {
		s.SendFunc = func(ctx context.Context, t transports.Transport, m transports.Message) (transports.Result, error) {
			return t.Send(ctx, m)
		}
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if reason := h.Skip[c.name]; reason != "" {
				t.Skip(reason)
			}
			c.run(t, s)
		})
	}
}

// bundle is one transport with its provider.
type bundle struct {
	*suite
	t         *testing.T
	transport transports.Transport
	provider  Provider
}

// setup makes a bundle, which is closed when t ends.
func (s *suite) setup(t *testing.T) *bundle {
	t.Helper()
	transport, provider := s.NewFunc(t)
	require.NotNil(t, transport, "harness: NewFunc returned no transport")
	require.NotNil(t, provider, "harness: NewFunc returned no provider")
	if closer, ok := transport.(transports.Closer); ok {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			// Twice in the check of Close itself, where the second call may complain.
			_ = closer.Close(ctx)
		})
	}
	return &bundle{suite: s, t: t, transport: transport, provider: provider}
}

// message is a fresh message of the harness.
func (b *bundle) message() transports.Message {
	if b.MessageFunc != nil {
		return b.MessageFunc()
	}
	return NewMessage(b.transport.Spec())
}

// send sends within patience and checks that the outcome gives nothing away.
func (b *bundle) send(ctx context.Context, m transports.Message) (transports.Result, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	result, err := b.SendFunc(ctx, b.transport, m)
	b.checkSilence(m, result, err)
	return result, err
}

// deliver sends m, which must be accepted, and returns what arrived.
func (b *bundle) deliver(m transports.Message) Delivery {
	b.t.Helper()
	before := len(b.provider.Deliveries())
	_, err := b.send(b.t.Context(), m)
	require.NoError(b.t, err)
	after := b.provider.Deliveries()
	require.Len(b.t, after, before+1, "one message was sent")
	return after[before]
}

func checkSpec(t *testing.T, s *suite) {
	b := s.setup(t)
	spec := b.transport.Spec()
	require.Regexp(t, `^[a-z0-9_]{1,32}$`, b.transport.Name())
	require.Equal(t, b.transport.Name(), spec.Name, "Name and Spec must agree")
	require.Equal(t, spec, b.transport.Spec(), "Spec must be the same every time")

	var known []string
	var c transports.Content
	for _, f := range c.Fields() {
		known = append(known, f.Name)
	}
	fields := spec.Fields()
	require.True(t, len(fields) > 0 || spec.Options != nil, "a transport sends something: content, or options")
	require.Subset(t, known, fields, "Spec names a field that does not exist")
	slices.Sort(fields)
	require.Len(t, slices.Compact(slices.Clone(fields)), len(fields), "Spec names a field twice: %v", fields)
	kinds := []transports.AddressKind{
		transports.AddressNone, transports.AddressEmail, transports.AddressPhone, transports.AddressEndpoint, transports.AddressChat,
	}
	require.Contains(t, kinds, spec.Address)
	require.NotEmpty(t, spec.Doc, "Spec.Doc says what the transport carries where")
	_, err := transports.OptionsOf(spec.Options)
	require.NoError(t, err)
}

func checkDelivers(t *testing.T, s *suite) {
	b := s.setup(t)
	m := b.message()
	d := b.deliver(m)
	require.NotEmpty(t, d.Key, "a delivery has a key")
	require.NotEmpty(t, d.Body, "a delivery has a body")
	require.Equal(t, m.Recipient.Address, d.Address)
	require.Equal(t, 1, b.provider.Tries(), "a transport sends once")
}

func checkClassifies(t *testing.T, s *suite) {
	for _, behaviour := range s.Behaviours {
		t.Run(behaviour.Name, func(t *testing.T) {
			b := s.setup(t)
			b.provider.Behave(behaviour.Name)
			m := b.message()
			m.Attempt = max(behaviour.Attempt, 1)
			_, err := b.send(t.Context(), m)
			require.LessOrEqual(t, b.provider.Tries(), 1, "a transport sends once")
			switch behaviour.Class {
			case transports.OK:
				require.NoError(t, err)
				require.Len(t, b.provider.Deliveries(), 1)
				return
			case transports.Unknown:
			default:
				require.Empty(t, b.provider.Deliveries(), "the provider took a message that the transport reports as failed")
			}
			require.Error(t, err)
			classified := transports.Classify(err)
			require.Equal(t, behaviour.Class, classified.Class, "%v", classified)
			if behaviour.RetryAfter != 0 {
				require.Equal(t, behaviour.RetryAfter, classified.RetryAfter)
			}
		})
	}
}

func checkConcurrent(t *testing.T, s *suite) {
	const n = 16
	b := s.setup(t)
	var messages []transports.Message
	for range n {
		messages = append(messages, b.message())
	}
	errs := make(chan error, n)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, m := range messages {
		go func() {
			_, err := b.SendFunc(ctx, b.transport, m)
			errs <- err
		}()
	}
	for range n {
		require.NoError(t, <-errs)
	}
	keys := make(map[string]bool)
	for _, d := range b.provider.Deliveries() {
		keys[d.Key] = true
	}
	require.Len(t, keys, n, "each message arrives")
	require.Len(t, b.provider.Deliveries(), n, "each message arrives once")
}

func checkClose(t *testing.T, s *suite) {
	b := s.setup(t)
	closer, ok := b.transport.(transports.Closer)
	if !ok {
		t.Skip("the transport holds nothing that must be closed")
	}
	b.deliver(b.message())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, closer.Close(ctx))
	_, err := b.send(ctx, b.message())
	require.Error(t, err, "a closed transport sends nothing")
	require.Len(t, b.provider.Deliveries(), 1)
}

func checkNoGoroutineLeft(t *testing.T, s *suite) {
	// The runtime keeps timers' and finalizers' goroutines to itself; whatever runs now is not ours either.
	before := goleak.IgnoreCurrent()
	ok := t.Run("Exercise", func(t *testing.T) {
		b := s.setup(t)
		b.deliver(b.message())
		for _, behaviour := range s.Behaviours {
			b.provider.Behave(behaviour.Name)
			_, _ = b.send(t.Context(), b.message())
		}
	})
	if ok {
		goleak.VerifyNone(t, before)
	}
}
