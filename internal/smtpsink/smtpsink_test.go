package smtpsink_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/carillon-notify/carillon/internal/smtpsink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mail = "From: Shop <shop@example.com>\r\nTo: carla@example.com\r\nReply-To: help@example.com\r\n" +
	"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@example.com>\r\nDate: Sun, 29 Mar 2026 01:02:03 +0000\r\n" +
	"Content-Type: multipart/alternative; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nplain\r\n" +
	"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>markup</p>\r\n--b--\r\n"

func start(t *testing.T, config *smtpsink.Config) *smtpsink.Server {
	t.Helper()
	sink, err := smtpsink.Start(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close()) })
	return sink
}

func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func always(a smtpsink.Answer) func(smtpsink.Session) smtpsink.Answer {
	return func(smtpsink.Session) smtpsink.Answer { return a }
}

func dial(t *testing.T, sink *smtpsink.Server) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", sink.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// send delivers mail with the standard library's client, and returns at the first error.
func send(t *testing.T, sink *smtpsink.Server, prepare func(c *smtp.Client) error) error {
	t.Helper()
	c, err := smtp.Dial(sink.Addr())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := c.Hello("client.test"); err != nil {
		return err
	}
	if prepare != nil {
		if err := prepare(c); err != nil {
			return err
		}
	}
	if err := c.Mail("shop@example.com"); err != nil {
		return err
	}
	if err := c.Rcpt("carla@example.com"); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, mail); err != nil {
		return err
	}
	return w.Close()
}

func TestKeepsWhatItTakes(t *testing.T) {
	t.Parallel()
	sink := start(t, nil)
	require.Equal(t, "smtp://"+sink.Addr(), sink.URL())
	require.NoError(t, send(t, sink, nil))
	messages, err := sink.Wait(patient(t), 1)
	require.NoError(t, err)
	require.Len(t, messages, 1)
	m := messages[0]
	require.Equal(t, smtpsink.Session{
		Connection: 1, HELO: "client.test", From: "shop@example.com", To: []string{"carla@example.com"},
	}, m.Session)
	require.Equal(t, mail, string(m.Raw))
	require.NoError(t, m.ParseErr)
	require.Equal(t, "1@example.com", m.MessageID)
	require.Equal(t, "Grüße", m.Subject)
	require.Equal(t, "Shop <shop@example.com>", m.From)
	require.Equal(t, "carla@example.com", m.To)
	require.Equal(t, "help@example.com", m.ReplyTo)
	require.Equal(t, "plain", strings.TrimSpace(m.Text))
	require.Equal(t, "<p>markup</p>", strings.TrimSpace(m.HTML))
	require.True(t, m.Date.Equal(time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC)))
	require.Equal(t, "<1@example.com>", m.Header.Get("Message-Id"))
}

func TestCountsConnections(t *testing.T) {
	t.Parallel()
	sink := start(t, nil)
	ctx := patient(t)
	conns := make([]net.Conn, 3)
	for i := range conns {
		conns[i] = dial(t, sink)
	}
	require.NoError(t, sink.WaitOpen(ctx, 3))
	require.NoError(t, conns[0].Close())
	require.NoError(t, sink.WaitOpen(ctx, 2))
	sink.CutConnections()
	opened, open := sink.Connections()
	require.Equal(t, 3, opened)
	require.Zero(t, open)
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	refuse := always(smtpsink.Refuse(550, "5.1.1", "nobody\nhere"))
	tests := map[string]struct {
		config smtpsink.Config
		code   int  // of the reply; 0 is a cut connection
		ok     bool // no error at all
		kept   int
	}{
		"ConnectRefused":     {config: smtpsink.Config{ConnectFunc: refuse}, code: 550},
		"ConnectCut":         {config: smtpsink.Config{ConnectFunc: always(smtpsink.Answer{Cut: smtpsink.CutSilently})}},
		"MailRefused":        {config: smtpsink.Config{MailFunc: refuse}, code: 550},
		"MailCut":            {config: smtpsink.Config{MailFunc: always(smtpsink.Answer{Cut: smtpsink.CutSilently})}},
		"RcptRefused":        {config: smtpsink.Config{RcptFunc: refuse}, code: 550},
		"RcptCutAfterReply":  {config: smtpsink.Config{RcptFunc: always(smtpsink.Answer{Cut: smtpsink.CutAfterReply})}},
		"BodyCut":            {config: smtpsink.Config{BodyFunc: always(smtpsink.Answer{Cut: smtpsink.CutSilently})}},
		"DataRefused":        {config: smtpsink.Config{DataFunc: refuse}, code: 550},
		"DataCut":            {config: smtpsink.Config{DataFunc: always(smtpsink.Answer{Cut: smtpsink.CutSilently})}},
		"DataKeptAndCut":     {config: smtpsink.Config{DataFunc: always(smtpsink.Answer{Cut: smtpsink.CutKeeping})}, kept: 1},
		"DataAnsweredAndCut": {config: smtpsink.Config{DataFunc: always(smtpsink.Answer{Cut: smtpsink.CutAfterReply})}, ok: true, kept: 1},
		"TooBig":             {config: smtpsink.Config{MaxMessageBytes: 10}, code: 552},
		"LoginWanted":        {config: smtpsink.Config{Username: "u", Password: "p"}, code: 530},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := start(t, &tt.config)
			err := send(t, sink, nil)
			var reply *textproto.Error
			switch {
			case tt.ok:
				require.NoError(t, err)
			case tt.code != 0:
				require.ErrorAs(t, err, &reply)
				require.Equal(t, tt.code, reply.Code)
			default:
				require.Error(t, err)
				require.False(t, errors.As(err, &reply), "a cut connection answers nothing: %v", err)
			}
			require.NoError(t, sink.WaitOpen(patient(t), 0))
			require.Len(t, sink.Messages(), tt.kept)
		})
	}
}

func TestEnhancedCodeIsOptional(t *testing.T) {
	t.Parallel()
	sink := start(t, &smtpsink.Config{
		RcptFunc: func(smtpsink.Session) smtpsink.Answer { return smtpsink.Refuse(550, "", "no") },
	})
	var reply *textproto.Error
	require.ErrorAs(t, send(t, sink, nil), &reply)
	require.Equal(t, "no", reply.Msg)
}

func TestWaitHoldsTheAnswerBack(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}), make(chan struct{})
	sink := start(t, &smtpsink.Config{DataFunc: func(smtpsink.Session) smtpsink.Answer {
		close(asked)
		return smtpsink.Answer{Wait: release}
	}})
	done := make(chan error, 1)
	go func() { done <- send(t, sink, nil) }()
	<-asked
	require.Empty(t, sink.Messages())
	close(release)
	require.NoError(t, <-done)
	require.Len(t, sink.Messages(), 1)
}

func TestNoticesAClientThatLeavesWhileItWaits(t *testing.T) {
	t.Parallel()
	wait := always(smtpsink.Answer{Wait: make(chan struct{})})
	for name, config := range map[string]smtpsink.Config{
		"Connect": {ConnectFunc: wait}, "Mail": {MailFunc: wait}, "Rcpt": {RcptFunc: wait}, "Data": {DataFunc: wait},
	} {
		sink := start(t, &config)
		conn := dial(t, sink)
		_, err := io.WriteString(conn, "EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n\r\n.\r\n")
		require.NoError(t, err)
		require.NoError(t, sink.WaitOpen(patient(t), 1))
		require.NoError(t, conn.Close())
		require.NoError(t, sink.WaitOpen(patient(t), 0), name)
	}
}

func TestCloseEndsWaiting(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	sink, err := smtpsink.Start(&smtpsink.Config{MailFunc: func(smtpsink.Session) smtpsink.Answer {
		close(asked)
		return smtpsink.Answer{Wait: make(chan struct{})}
	}})
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { done <- send(t, sink, nil) }()
	<-asked
	require.NoError(t, sink.Close())
	require.NoError(t, sink.Close())
	require.Error(t, <-done)
	_, open := sink.Connections()
	require.Zero(t, open)
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	sink := start(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := sink.Wait(ctx, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, sink.WaitOpen(ctx, 1), context.Canceled)
}

func TestTLSAndLogin(t *testing.T) {
	t.Parallel()
	const host = "mail.example.test"
	login := func(sink *smtpsink.Server, auth smtp.Auth) func(c *smtp.Client) error {
		return func(c *smtp.Client) error {
			if err := c.StartTLS(&tls.Config{ServerName: host, RootCAs: sink.CertPool()}); err != nil {
				return err
			}
			return c.Auth(auth)
		}
	}
	config := smtpsink.Config{TLS: smtpsink.StartTLS, Hosts: []string{host}, Username: "u", Password: "p"}

	sink := start(t, &config)
	require.NoError(t, send(t, sink, login(sink, smtp.PlainAuth("", "u", "p", "127.0.0.1"))))
	session := sink.Messages()[0].Session
	require.True(t, session.TLS)
	require.Equal(t, "u", session.User)

	var reply *textproto.Error
	require.ErrorAs(t, send(t, sink, login(sink, smtp.PlainAuth("", "u", "wrong", "127.0.0.1"))), &reply)
	require.Equal(t, 535, reply.Code)

	config.AuthFunc = func(smtpsink.Session) smtpsink.Answer { return smtpsink.Refuse(454, "4.7.0", "later") }
	sink = start(t, &config)
	require.ErrorAs(t, send(t, sink, login(sink, smtp.PlainAuth("", "u", "p", "127.0.0.1"))), &reply)
	require.Equal(t, 454, reply.Code)
}

func TestImplicitTLS(t *testing.T) {
	t.Parallel()
	sink := start(t, &smtpsink.Config{TLS: smtpsink.ImplicitTLS})
	require.Equal(t, "smtps://"+sink.Addr(), sink.URL())
	conn := tls.Client(dial(t, sink), &tls.Config{RootCAs: sink.CertPool(), ServerName: "localhost"})
	c, err := smtp.NewClient(conn, "127.0.0.1")
	require.NoError(t, err)
	require.NoError(t, c.Noop())
	require.NoError(t, c.Quit())
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]smtpsink.Config{
		"AnOpenAddress":       {Addr: "0.0.0.0:0"},
		"NoPort":              {Addr: "localhost"},
		"AnUnknownMode":       {TLS: 7},
		"AnUnknownMechanism":  {Mechanisms: []string{"NTLM"}},
		"AnAddressFromAbroad": {Addr: "192.0.2.1:25"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := smtpsink.Start(&config)
			require.ErrorContains(t, err, "smtpsink: ")
		})
	}
}
