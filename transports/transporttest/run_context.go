package transporttest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
)

func checkCancelledBefore(t *testing.T, s *suite) {
	b := s.setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.send(ctx, b.message())
	require.Error(t, err, "the context had ended")
	require.Equal(t, transports.Transient, transports.Classify(err).Class, "nothing was sent, so another try costs nothing")
	require.Empty(t, b.provider.Deliveries())
	require.Zero(t, b.provider.Tries())
}

func checkCancelledDuring(t *testing.T, s *suite) {
	b := s.setup(t)
	stalled := b.provider.Stall()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	returned := b.start(ctx)
	select {
	case <-stalled:
	case err := <-returned:
		t.Fatalf("the send returned %v before the provider was reached", err)
	case <-time.After(patience):
		t.Fatal("the provider was not reached")
	}
	cancel()
	b.checkReturned(returned)
}

func checkDeadlineDuring(t *testing.T, s *suite) {
	b := s.setup(t)
	b.provider.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	returned := b.start(ctx)
	<-ctx.Done()
	b.checkReturned(returned)
}

// start sends in the background and hands over the error.
func (b *bundle) start(ctx context.Context) <-chan error {
	returned := make(chan error, 1)
	m := b.message()
	go func() {
		_, err := b.SendFunc(ctx, b.transport, m)
		returned <- err
	}()
	return returned
}

// checkReturned expects a stalled send to give up now.
func (b *bundle) checkReturned(returned <-chan error) {
	b.t.Helper()
	select {
	case err := <-returned:
		require.Error(b.t, err, "the provider never answered")
		// Unknown if the message was out already, and never a verdict on the message or the settings.
		classes := []transports.Class{transports.Transient, transports.Unknown}
		require.Contains(b.t, classes, transports.Classify(err).Class)
	case <-time.After(promptly):
		b.t.Fatalf("the send went on for %s after its context had ended", promptly)
	}
}
