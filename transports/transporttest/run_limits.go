package transporttest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
)

// bound is how much of an endless answer may leave the provider: what a transport reads, and what the kernel buffers on
// the way to one that stopped reading.
const bound = 16 << 20

// kept is how many connections messages in sequence may leave open: one that is kept, and one that is about to close.
const kept = 2

func checkBoundedAnswers(t *testing.T, s *suite) {
	b := s.setup(t)
	flooder, ok := b.provider.(Flooder)
	if !ok {
		t.Skip("the provider cannot answer without end (implement Flooder)")
	}
	written := flooder.Flood()
	for _, behaviour := range append([]string{""}, s.behaviours()...) {
		b.provider.Behave(behaviour)
		before := written()
		err := within(t, b.start(t.Context()), func() {
			require.Less(t, written()-before, int64(bound), "behaviour %q: bytes that were read of an endless answer", behaviour)
		})
		if err != nil { // As may be, after an answer that began well.
			t.Logf("behaviour %q: %v", behaviour, transports.Classify(err))
		}
	}
}

// within waits for what a send returns, and checks a limit meanwhile and after.
func within(t *testing.T, returned <-chan error, check func()) error {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	late := time.After(patience)
	for {
		select {
		case err := <-returned:
			check()
			return err
		case <-look.C:
			check()
		case <-late:
			t.Fatal("the send did not return from an endless answer")
		}
	}
}

func checkNoConnectionLeft(t *testing.T, s *suite) {
	b := s.setup(t)
	connected, ok := b.provider.(Connected)
	if !ok {
		t.Skip("the provider does not count connections (implement Connected)")
	}
	for range 4 {
		for _, behaviour := range append([]string{""}, s.behaviours()...) {
			b.provider.Behave(behaviour)
			_, _ = b.send(t.Context(), b.message())
		}
	}
	few := func() bool { return connected.Connections() <= kept }
	require.Eventually(t, few, 2*time.Second, 10*time.Millisecond, "every message in sequence left a connection open")
}

// behaviours lists their names.
func (s *suite) behaviours() []string {
	names := make([]string, len(s.Behaviours))
	for i, b := range s.Behaviours {
		names[i] = b.Name
	}
	return names
}

func checkOptions(t *testing.T, s *suite) {
	b := s.setup(t)
	described, err := transports.OptionsOf(b.transport.Spec().Options)
	require.NoError(t, err)
	if len(described) == 0 {
		t.Skip("the transport takes no options")
	}
	m := b.message()
	given := map[string]any{}
	if len(m.Options) > 0 {
		require.NoError(t, json.Unmarshal(m.Options, &given))
	}
	for name := range given {
		known := slices.ContainsFunc(described, func(o transports.Option) bool { return o.Name == name })
		require.True(t, known, "the message has an option %q that the spec does not declare", name)
	}
	m.Options = json.RawMessage(`[`)
	_, err = b.send(t.Context(), m)
	require.Error(t, err, "options that cannot be read")
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	require.Zero(t, b.provider.Tries(), "what can be known before is not offered")

	for _, o := range described {
		if !o.Template || o.Type != "text" {
			continue
		}
		for _, text := range hostile {
			changed := maps.Clone(given)
			changed[o.Name] = text
			m := b.message()
			m.Options, err = json.Marshal(changed)
			require.NoError(t, err)
			b.checkHarmless(m, text, true)
		}
	}
}

func checkAddresses(t *testing.T, s *suite) {
	b := s.setup(t)
	checker, ok := b.transport.(transports.AddressChecker)
	if !ok {
		t.Skip("the transport does not check addresses (it may implement AddressChecker)")
	}
	require.NoError(t, checker.CheckAddress(b.message().Recipient.Address), "the address that messages are sent to")
	for _, address := range []string{"", " ", "a\r\nb", "a\x00b", "canary-\xff", strings.Repeat("canary", 1<<16)} {
		err := checker.CheckAddress(address)
		require.Error(t, err, "%.40q", address)
		if len(address) > 5 {
			require.NotContains(t, err.Error(), address)
		}
	}
}
