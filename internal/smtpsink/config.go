package smtpsink

import (
	"errors"
	"fmt"
	"net"
)

// TLSMode says how a [Server] speaks TLS.
type TLSMode int

// The modes of TLS.
const (
	// Plain offers no TLS at all.
	Plain TLSMode = iota
	// StartTLS offers the STARTTLS extension.
	StartTLS
	// ImplicitTLS speaks TLS from the first byte.
	ImplicitTLS
)

// Names of the authentication mechanisms that the sink knows.
const (
	AuthPlain = "PLAIN"
	AuthLogin = "LOGIN"
)

// Config describes a [Server]. The functions are called on the connection's goroutine, several at a time when there
// are several connections; a nil function accepts.
type Config struct {
	// Addr is the loopback address to listen on. Defaults to "127.0.0.1:0".
	Addr string
	// Domain is how the server names itself. Defaults to "sink.test".
	Domain string
	// TLS defaults to [Plain].
	TLS TLSMode
	// Hosts are the names in the certificate, besides localhost, 127.0.0.1 and ::1.
	Hosts []string
	// Expired makes the certificate one of last year.
	Expired bool
	// MaxTLS is the newest version of TLS that is spoken, such as tls.VersionTLS10, which then is the oldest, too. Defaults
	// to 1.2 and newer.
	MaxTLS uint16
	// Username and Password are asked for before MAIL when Username is set.
	Username string
	Password string
	// Mechanisms are those offered when Username is set. Defaults to PLAIN and LOGIN.
	Mechanisms []string
	// SMTPUTF8 offers that extension.
	SMTPUTF8 bool
	// MaxMessageBytes is announced by SIZE and enforced. Defaults to no limit.
	MaxMessageBytes int64

	// ConnectFunc decides about the greeting. Over implicit TLS a refusal is a cut.
	ConnectFunc func(Session) Answer
	// AuthFunc decides about a login whose credentials were right.
	AuthFunc func(Session) Answer
	// MailFunc decides about MAIL.
	MailFunc func(Session) Answer
	// RcptFunc decides about RCPT; the recipient in question is the last of Session.To.
	RcptFunc func(Session) Answer
	// BodyFunc is asked after DATA was allowed and before the body is read.
	BodyFunc func(Session) Answer
	// DataFunc decides about the message after its final dot.
	DataFunc func(Session) Answer
}

func (c Config) validate() error {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("smtpsink: addr %q is not host:port", c.Addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("smtpsink: addr %q is not on loopback", c.Addr)
	}
	if c.TLS < Plain || c.TLS > ImplicitTLS {
		return fmt.Errorf("smtpsink: tls mode %d is unknown", c.TLS)
	}
	var errs []error
	for _, m := range c.Mechanisms {
		if m != AuthPlain && m != AuthLogin {
			errs = append(errs, fmt.Errorf("smtpsink: mechanism %q is unknown (use %s or %s)", m, AuthPlain, AuthLogin))
		}
	}
	return errors.Join(errs...)
}

// Session is what the server knows of a connection when a stage's function is asked.
type Session struct {
	// Connection counts from 1 in the order of connecting.
	Connection int
	// TLS tells whether the connection is encrypted.
	TLS bool
	// HELO is the name that the client gave.
	HELO string
	// User is the name that the client logged in with.
	User string
	// From and To are the envelope so far.
	From string
	To   []string
	// UTF8 tells whether the client asked for SMTPUTF8.
	UTF8 bool
}

// Answer is the outcome of a stage. The zero value accepts at once.
type Answer struct {
	// Wait holds the answer back until it is closed, or the server is.
	Wait <-chan struct{}
	// Code refuses with this reply code; 0 accepts.
	Code int
	// Enhanced is the reply's enhanced code, such as "5.1.1"; empty sends none.
	Enhanced string
	// Text is the rest of the reply. Line breaks make it a reply of several lines.
	Text string
	// Cut closes the connection.
	Cut Cut
}

// Cut says whether and when an [Answer] closes the connection.
type Cut int

// The cuts.
const (
	// NoCut leaves the connection open.
	NoCut Cut = iota
	// CutSilently closes it without a reply; a message is not kept.
	CutSilently
	// CutKeeping closes it without a reply, but keeps the message: the client cannot know.
	CutKeeping
	// CutAfterReply closes it right after the reply.
	CutAfterReply
)

// Refuse returns an [Answer] with a reply.
func Refuse(code int, enhanced, text string) Answer {
	return Answer{Code: code, Enhanced: enhanced, Text: text}
}
