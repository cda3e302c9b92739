package email

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/carillon-notify/carillon/internal/failpoint"
	"github.com/carillon-notify/carillon/transports/classify"
)

// What is not worth a setting: both are about a connection that could as well be closed.
const (
	resetTimeout = 5 * time.Second
	quitTimeout  = 2 * time.Second
)

// maxUses is how many messages a connection carries: many servers stop there, some with an error.
const maxUses = 100

// conn is one dialogue with the server. It is used by one goroutine at a time.
//
// It speaks through go-mail's SMTP client rather than its mail client: the latter hides the reply behind an error
// without Unwrap, reads enhanced codes out of IP addresses, leaves the socket open when a login fails, and spends three
// more turns on each message.
type conn struct {
	settings *settings
	socket   *socket
	client   *smtp.Client
	uses     int
	clean    bool // the last transaction was ended by both sides
}

// dial connects, and goes as far as the server being ready for MAIL.
func (s *settings) dial(ctx context.Context) (*conn, *failure) {
	dialCtx, cancel := context.WithTimeout(ctx, s.DialTimeout)
	defer cancel()
	nc, err := s.DialFunc(dialCtx, "tcp", s.target.addr())
	if err != nil {
		return nil, newFailure(ctx, classify.StageConnect, err)
	}
	c := &conn{settings: s, socket: &socket{Conn: nc, block: s.BlockTimeout}}
	release := c.guard(ctx)
	f := c.open(ctx)
	if alive := release(); !alive && f == nil {
		f = newFailure(ctx, classify.StageHello, net.ErrClosed)
	}
	if f != nil {
		c.abandon()
		return nil, f
	}
	c.clean = true
	return c, nil
}

// guard closes the socket when ctx ends, until the returned function is called; that one tells whether it is still open.
func (c *conn) guard(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, c.abandon)
}

// open greets the server, and does TLS and login as configured.
func (c *conn) open(ctx context.Context) *failure {
	s := c.settings
	transport := net.Conn(c.socket)
	c.socket.begin(c.settings.OpenTimeout)
	if s.target.encryption == implicitTLS {
		encrypted := tls.Client(c.socket, s.tlsConfig())
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return newFailure(ctx, classify.StageTLS, err)
		}
		transport = encrypted
		c.socket.begin(c.settings.OpenTimeout)
	}
	client, err := smtp.NewClient(transport, s.target.host)
	if err != nil {
		return newFailure(ctx, classify.StageGreeting, err)
	}
	c.client = client
	c.socket.begin(c.settings.OpenTimeout)
	if err := client.Hello(s.HELO); err != nil {
		return newFailure(ctx, classify.StageHello, err)
	}
	if s.target.encryption == startTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return &failure{stage: classify.StageTLS, fault: classify.FaultNoTLS}
		}
		c.socket.begin(c.settings.OpenTimeout)
		if err := client.StartTLS(s.tlsConfig()); err != nil {
			return newFailure(ctx, classify.StageTLS, err)
		}
	}
	return c.login(ctx)
}

func (c *conn) login(ctx context.Context) *failure {
	t := c.settings.target
	if t.username == "" {
		return nil
	}
	_, offer := c.client.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offer))
	var auth smtp.Auth
	// Clear text is only ever spoken to loopback here: parseTarget refuses credentials for anything else.
	unencrypted := t.encryption == clearText
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		auth = smtp.PlainAuth("", t.username.Reveal(), t.password.Reveal(), t.host, unencrypted)
	case slices.Contains(mechanisms, "LOGIN"):
		auth = smtp.LoginAuth(t.username.Reveal(), t.password.Reveal(), t.host, unencrypted)
	case slices.Contains(mechanisms, "SCRAM-SHA-256"):
		auth = smtp.ScramSHA256Auth(t.username.Reveal(), t.password.Reveal())
	default:
		return &failure{stage: classify.StageAuth, fault: classify.FaultNoAuth}
	}
	c.socket.begin(c.settings.OpenTimeout)
	if err := c.client.Auth(auth); err != nil {
		return newFailure(ctx, classify.StageAuth, err)
	}
	return nil
}

// send runs one transaction. On success it returns the codes of the final reply. Afterwards c.clean tells whether the
// connection may be used again.
func (c *conn) send(ctx context.Context, l *letter) (reply string, f *failure) {
	release := c.guard(ctx)
	c.clean = false
	c.uses++
	reply, f = c.transact(ctx, l)
	switch {
	case f == nil || f.stage == classify.StageCheck: // nothing is open: it was delivered, or not begun
		c.clean = true
	case f.refused():
		c.socket.begin(resetTimeout)
		c.clean = c.client.Reset() == nil
	}
	if alive := release(); !alive {
		c.clean = false
	}
	return reply, f
}

func (c *conn) transact(ctx context.Context, l *letter) (string, *failure) {
	if f := c.offers(l); f != nil {
		return "", f
	}
	// Asked for only where needed: a relay must bounce such a message if the next server does not know the extension.
	c.client.SkipSMTPUTF8(!l.utf8)
	c.socket.begin(c.settings.CommandTimeout)
	if err := c.client.Mail(l.from); err != nil {
		return "", newFailure(ctx, classify.StageMail, err)
	}
	c.socket.begin(c.settings.CommandTimeout)
	if err := c.client.Rcpt(l.to); err != nil {
		return "", newFailure(ctx, classify.StageRcpt, err)
	}
	failpoint.Pass(failpoint.S2)
	c.socket.begin(c.settings.CommandTimeout)
	w, err := c.client.Data()
	if err != nil {
		return "", newFailure(ctx, classify.StageData, err)
	}
	// The flush parts the message from its dot: what fails up to here was certainly not delivered.
	if _, err = w.Write(l.raw); err == nil {
		err = c.client.Text.W.Flush()
	}
	if err != nil {
		return "", newFailure(ctx, classify.StageBody, err)
	}
	failpoint.Pass(failpoint.S3)
	c.socket.begin(c.settings.ReplyTimeout)
	if err = w.Close(); err != nil {
		return c.ended(ctx, err)
	}
	text := ""
	if closer, ok := w.(*smtp.DataCloser); ok {
		text = closer.ServerResponse()
	}
	return codes(250, text), nil
}

// offers checks the letter against the server's limits before anything of it is sent.
func (c *conn) offers(l *letter) *failure {
	if utf8, _ := c.client.Extension("SMTPUTF8"); l.utf8 && !utf8 {
		return &failure{stage: classify.StageCheck, fault: classify.FaultNoUTF8}
	}
	_, size := c.client.Extension("SIZE")
	if limit, err := strconv.Atoi(strings.TrimSpace(size)); err == nil && limit > 0 && len(l.raw) > limit {
		return &failure{stage: classify.StageCheck, fault: classify.FaultTooBig}
	}
	return nil
}

// ended tells what an error after the final dot is: an acceptance with an unusual code, a dot that never left, or else.
func (c *conn) ended(ctx context.Context, err error) (string, *failure) {
	var reply *textproto.Error
	if errors.As(err, &reply) && reply.Code/100 == 2 {
		return codes(reply.Code, reply.Msg), nil
	}
	if c.socket.writeFailed.Load() {
		return "", newFailure(ctx, classify.StageBody, err)
	}
	return "", newFailure(ctx, classify.StageEnd, err)
}

// reusable tells whether another message may be sent on the connection.
func (c *conn) reusable() bool { return c.clean && c.uses < maxUses }

// abandon closes the socket without a word. It may be called at any time, by any goroutine.
func (c *conn) abandon() { _ = c.socket.Close() }

// quit takes leave, if the server answers soon, and closes.
func (c *conn) quit() {
	c.socket.begin(quitTimeout)
	_ = c.client.Quit()
	c.abandon()
}

// codes are a reply's codes as results show them.
func codes(code int, text string) string {
	return strings.TrimSpace(strconv.Itoa(code) + " " + enhancedIn(code, text))
}
