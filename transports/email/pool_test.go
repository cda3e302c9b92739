package email_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

func dialError(err error) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return nil, err }
}

func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	for range 10 {
		_, err := transport.Send(patient(t), newMessage())
		require.NoError(t, err)
	}
	opened, open := sink.Connections()
	require.Equal(t, 1, opened)
	require.Equal(t, 1, open)
	require.Len(t, sink.Messages(), 10)
}

func TestRefusalKeepsTheConnection(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	odd := func(smtpsink.Session) smtpsink.Answer {
		if n.Add(1)%2 == 1 {
			return refuse(550, "5.1.1")
		}
		return smtpsink.Answer{}
	}
	for name, config := range map[string]smtpsink.Config{
		"Mail": {MailFunc: odd}, "Rcpt": {RcptFunc: odd}, "Data": {DataFunc: odd},
	} {
		n.Store(0)
		sink, transport := setup(t, &config)
		for range 3 {
			_, err := transport.Send(patient(t), newMessage())
			require.Error(t, err, name)
			_, err = transport.Send(patient(t), newMessage())
			require.NoError(t, err, name)
		}
		opened, _ := sink.Connections()
		require.Equal(t, 1, opened, name)
	}
}

func TestConcurrentSendsAreBounded(t *testing.T) {
	t.Parallel()
	var open, most atomic.Int32
	sink, transport := setup(t, &smtpsink.Config{
		MailFunc: func(smtpsink.Session) smtpsink.Answer {
			if n := open.Add(1); n > most.Load() {
				most.Store(n)
			}
			return smtpsink.Answer{}
		},
		DataFunc: func(smtpsink.Session) smtpsink.Answer {
			open.Add(-1)
			return smtpsink.Answer{}
		},
	})
	const n = 100
	var g errgroup.Group
	ctx := patient(t)
	sent := make(map[string]bool)
	for range n {
		m := newMessage()
		sent[m.ReceiptID.String()+"@example.com"] = true
		g.Go(func() error {
			_, err := transport.Send(ctx, m)
			return err
		})
	}
	require.NoError(t, g.Wait())
	opened, _ := sink.Connections()
	require.LessOrEqual(t, opened, 8)
	require.LessOrEqual(t, most.Load(), int32(8))
	require.Len(t, sink.Messages(), n)
	for _, m := range sink.Messages() {
		require.True(t, sent[m.MessageID])
		delete(sent, m.MessageID)
	}
	require.Empty(t, sent, "each arrived once")
}

// fill opens n connections at once and leaves them idle.
func fill(t *testing.T, transport *email.Transport, gate chan struct{}, arrived chan struct{}, n int) {
	t.Helper()
	var g errgroup.Group
	ctx := patient(t)
	for range n {
		m := newMessage()
		g.Go(func() error {
			_, err := transport.Send(ctx, m)
			return err
		})
	}
	for range n {
		requireSoon(t, arrived, "a message")
	}
	close(gate)
	require.NoError(t, g.Wait())
}

func TestDeadIdleConnectionsCostOneDial(t *testing.T) {
	t.Parallel()
	gate, arrived := make(chan struct{}), make(chan struct{}, 100)
	sink, transport := setup(t, &smtpsink.Config{DataFunc: func(smtpsink.Session) smtpsink.Answer {
		arrived <- struct{}{}
		return smtpsink.Answer{Wait: gate}
	}})
	fill(t, transport, gate, arrived, 4)
	opened, open := sink.Connections()
	require.Equal(t, 4, opened)
	require.Equal(t, 4, open)

	sink.CutConnections()
	for range 3 {
		_, err := transport.Send(patient(t), newMessage())
		require.NoError(t, err, "a dead idle connection is no failure")
	}
	opened, open = sink.Connections()
	require.Equal(t, 5, opened, "the other dead ones were dropped with the first, and the new one is used again")
	require.Equal(t, 1, open)
	require.Len(t, sink.Messages(), 7)
}

func TestGoodbyeOfTheServerCostsOneDial(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, &smtpsink.Config{DataFunc: always(smtpsink.Answer{Cut: smtpsink.CutAfterReply})})
	_, err := transport.Send(patient(t), newMessage())
	require.NoError(t, err)
	_, err = transport.Send(patient(t), newMessage())
	require.NoError(t, err)
	opened, _ := sink.Connections()
	require.Equal(t, 2, opened)
}

func TestTimeoutReplyOnAKeptConnectionCostsOneDial(t *testing.T) {
	t.Parallel()
	var mails atomic.Int32
	sink, transport := setup(t, &smtpsink.Config{MailFunc: func(smtpsink.Session) smtpsink.Answer {
		if mails.Add(1) == 2 {
			return smtpsink.Answer{Code: 421, Enhanced: "4.4.2", Text: "timeout exceeded", Cut: smtpsink.CutAfterReply}
		}
		return smtpsink.Answer{}
	}})
	for range 2 {
		_, err := transport.Send(patient(t), newMessage())
		require.NoError(t, err)
	}
	opened, _ := sink.Connections()
	require.Equal(t, 2, opened)
	require.Equal(t, int32(3), mails.Load())
}

func TestSecondDeadConnectionIsAFailure(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	sink, transport := setup(t, &smtpsink.Config{MailFunc: func(smtpsink.Session) smtpsink.Answer {
		if dead.Load() {
			return smtpsink.Answer{Cut: smtpsink.CutSilently}
		}
		return smtpsink.Answer{}
	}})
	_, err := transport.Send(patient(t), newMessage())
	require.NoError(t, err)
	dead.Store(true)
	_, err = transport.Send(patient(t), newMessage())
	requireClass(t, transports.Transient, err)
	opened, _ := sink.Connections()
	require.Equal(t, 2, opened, "one new dial, not a loop")
}

func TestIdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	sink := startSink(t, nil)
	transport := newTransport(t, &email.Config{
		SMTP: transports.Secret(sink.URL()), IdleTimeout: 50 * time.Millisecond,
	})
	for i := range 2 {
		_, err := transport.Send(patient(t), newMessage())
		require.NoError(t, err)
		require.NoError(t, sink.WaitOpen(patient(t), 0))
		opened, _ := sink.Connections()
		require.Equal(t, i+1, opened)
	}
}

func TestConnectionIsReplacedAfterAHundredMessages(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	for range 101 {
		_, err := transport.Send(patient(t), newMessage())
		require.NoError(t, err)
	}
	opened, _ := sink.Connections()
	require.Equal(t, 2, opened)
	require.NoError(t, sink.WaitOpen(patient(t), 1))
}

func TestClose(t *testing.T) {
	t.Parallel()
	sink := startSink(t, nil)
	transport, err := email.New(&email.Config{SMTP: transports.Secret(sink.URL()), From: "shop@example.com"})
	require.NoError(t, err)
	_, err = transport.Send(patient(t), newMessage())
	require.NoError(t, err)
	require.NoError(t, transport.Close(patient(t)))
	require.NoError(t, sink.WaitOpen(patient(t), 0))
	_, err = transport.Send(patient(t), newMessage())
	requireClass(t, transports.Transient, err)
	require.NoError(t, transport.Close(patient(t)), "closing again does nothing")
	require.Len(t, sink.Messages(), 1)
}

func TestCloseWaitsForRunningSends(t *testing.T) {
	t.Parallel()
	gate, arrived := make(chan struct{}), make(chan struct{})
	sink, transport := setup(t, &smtpsink.Config{DataFunc: func(smtpsink.Session) smtpsink.Answer {
		close(arrived)
		return smtpsink.Answer{Wait: gate}
	}})
	sent, closed := make(chan error, 1), make(chan error, 1)
	ctx := patient(t)
	go func() {
		_, err := transport.Send(ctx, newMessage())
		sent <- err
	}()
	requireSoon(t, arrived, "the message")
	go func() { closed <- transport.Close(ctx) }()
	close(gate)
	require.NoError(t, requireSoon(t, sent, "the send"))
	require.NoError(t, requireSoon(t, closed, "the close"))
	require.Len(t, sink.Messages(), 1)
}

func TestCloseCutsRunningSendsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	sink, transport := setup(t, &smtpsink.Config{RcptFunc: func(smtpsink.Session) smtpsink.Answer {
		close(arrived)
		return smtpsink.Answer{Wait: make(chan struct{})}
	}})
	sent, closed := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := transport.Send(patient(t), newMessage())
		sent <- err
	}()
	requireSoon(t, arrived, "the message")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	go func() { closed <- transport.Close(ctx) }()
	require.ErrorIs(t, requireSoon(t, closed, "the close"), context.Canceled)
	requireClass(t, transports.Transient, requireSoon(t, sent, "the send"))
	require.NoError(t, sink.WaitOpen(patient(t), 0))
}

func TestDialErrorIsKeptAsTheCause(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	transport := newTransport(t, &email.Config{SMTP: "smtp://mail.example.test", DialFunc: dialError(broken)})
	_, err := transport.Send(patient(t), newMessage())
	requireClass(t, transports.Transient, err)
	require.ErrorIs(t, err, broken)
}
