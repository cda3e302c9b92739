package email_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

// TestContextEndClosesTheSocket stalls the server at each stage, ends the context, and expects the send to return and the
// server to see the connection close.
func TestContextEndClosesTheSocket(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		stall func(c *smtpsink.Config, f func(smtpsink.Session) smtpsink.Answer)
		class transports.Class
	}{
		"Greeting": {func(c *smtpsink.Config, f func(smtpsink.Session) smtpsink.Answer) { c.ConnectFunc = f }, transports.Transient},
		"TLSHandshake": {func(c *smtpsink.Config, f func(smtpsink.Session) smtpsink.Answer) {
			c.TLS, c.ConnectFunc = smtpsink.ImplicitTLS, f
		}, transports.Transient},
		"Login": {func(c *smtpsink.Config, f func(smtpsink.Session) smtpsink.Answer) {
			c.Username, c.Password, c.AuthFunc = "u", "p", f
		}, transports.Transient},
		"Mail":    {func(c *smtpsink.Config, f func(smtpsink.Session) smtpsink.Answer) { c.MailFunc = f }, transports.Transient},
		"Rcpt":    {func(c *smtpsink.Config, f func(smtpsink.Session) smtpsink.Answer) { c.RcptFunc = f }, transports.Transient},
		"Message": {func(c *smtpsink.Config, f func(smtpsink.Session) smtpsink.Answer) { c.BodyFunc = f }, transports.Transient},
		"End":     {func(c *smtpsink.Config, f func(smtpsink.Session) smtpsink.Answer) { c.DataFunc = f }, transports.Unknown},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stalled := make(chan struct{})
			var config smtpsink.Config
			tt.stall(&config, func(smtpsink.Session) smtpsink.Answer {
				close(stalled)
				return smtpsink.Answer{Wait: make(chan struct{})}
			})
			sink := startSink(t, &config)
			url := sink.URL()
			if config.Username != "" {
				url = strings.Replace(url, "://", "://u:p@", 1)
			}
			transport := newTransport(t, &email.Config{SMTP: transports.Secret(url), TLS: trust(sink)})
			m := newMessage()
			if name == "Message" {
				m.Content.Text = longText
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			returned := make(chan error, 1)
			go func() {
				_, err := transport.Send(ctx, m)
				returned <- err
			}()
			requireSoon(t, stalled, "the stage")
			cancel()
			var err error
			select {
			case err = <-returned:
			case <-time.After(promptly):
				require.FailNow(t, "the send goes on after its context's end")
			}
			requireClass(t, tt.class, err)
			require.ErrorIs(t, err, context.Canceled)
			if name != "Message" { // there the sink does not look, with megabytes unread
				soon, done := context.WithTimeout(t.Context(), promptly)
				defer done()
				require.NoError(t, sink.WaitOpen(soon, 0), "the server sees the socket close")
			}
		})
	}
}

func TestContextEndsWhileDialing(t *testing.T) {
	t.Parallel()
	dialing := make(chan struct{})
	transport := newTransport(t, &email.Config{
		SMTP: "smtp://mail.example.test",
		DialFunc: func(ctx context.Context, _, _ string) (net.Conn, error) {
			close(dialing)
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	go func() {
		_, err := transport.Send(ctx, newMessage())
		returned <- err
	}()
	requireSoon(t, dialing, "the dial")
	cancel()
	err := requireSoon(t, returned, "the return")
	requireClass(t, transports.Transient, err)
	require.ErrorIs(t, err, context.Canceled)
}

func TestContextEndsWhileWaitingForAConnection(t *testing.T) {
	t.Parallel()
	gate, arrived := make(chan struct{}), make(chan struct{})
	sink := startSink(t, &smtpsink.Config{MailFunc: func(smtpsink.Session) smtpsink.Answer {
		close(arrived)
		return smtpsink.Answer{Wait: gate}
	}})
	transport := newTransport(t, &email.Config{SMTP: transports.Secret(sink.URL()), MaxConnections: 1})
	first := make(chan error, 1)
	go func() {
		_, err := transport.Send(patient(t), newMessage())
		first <- err
	}()
	requireSoon(t, arrived, "the first message")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := transport.Send(ctx, newMessage())
	requireClass(t, transports.Transient, err)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(gate)
	require.NoError(t, requireSoon(t, first, "the first send"))
	require.Len(t, sink.Messages(), 1)
}

const short = 100 * time.Millisecond

func TestTimeouts(t *testing.T) {
	t.Parallel()
	stall := always(smtpsink.Answer{Wait: make(chan struct{})})
	tests := map[string]struct {
		sink   smtpsink.Config
		config email.Config
		class  transports.Class
	}{
		"SendTimeoutBefore": {smtpsink.Config{MailFunc: stall}, email.Config{SendTimeout: short}, transports.Transient},
		"SendTimeoutAfter":  {smtpsink.Config{DataFunc: stall}, email.Config{SendTimeout: short}, transports.Unknown},
		"ReplyTimeout":      {smtpsink.Config{DataFunc: stall}, email.Config{ReplyTimeout: short}, transports.Unknown},
		"DialTimeout": {smtpsink.Config{}, email.Config{
			DialTimeout: short,
			DialFunc: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}, transports.Transient},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := startSink(t, &tt.sink)
			tt.config.SMTP = transports.Secret(sink.URL())
			transport := newTransport(t, &tt.config)
			_, err := transport.Send(patient(t), newMessage())
			requireClass(t, tt.class, err)
			require.NoError(t, sink.WaitOpen(patient(t), 0))
		})
	}
}
