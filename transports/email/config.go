package email

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

// Config describes a [Transport]. It is also the section transports.email of carillon.yaml.
type Config struct {
	// SMTP is the server as a URL, required without resend: smtp://user:password@host:587 needs STARTTLS, smtps://user:password@host:465
	// is TLS from the first byte. The ports shown are the defaults; special characters in the password are
	// percent-encoded. To loopback smtp:// speaks clear text; elsewhere ?tls=off asks for that, and then refuses
	// credentials. ?tls=starttls asks for STARTTLS on loopback too.
	SMTP transports.Secret `yaml:"smtp"`
	// Resend sends by Resend's API in place of a server.
	Resend *ResendConfig `yaml:"resend"`
	// Provider names which one sends, smtp or resend, if there are both. Defaults to the one that there is.
	Provider string `yaml:"provider"`
	// From is the sender of messages that name none, as "Shop <shop@example.com>". Required.
	From string `yaml:"from"`
	// ReplyTo is where answers to messages go that name no such address. Defaults to none.
	ReplyTo string `yaml:"reply_to"`
	// ReturnPath is the address that bounces go to. Defaults to the message's sender.
	ReturnPath string `yaml:"return_path"`
	// MessageIDDomain is the right-hand side of each Message-ID. Defaults to the domain of From. Changing it, or From,
	// changes the identity of messages that are being retried.
	MessageIDDomain string `yaml:"message_id_domain"`
	// HELO is the name by which we greet the server. Defaults to this machine's name if it has a dot, as servers want,
	// else to the domain of From.
	HELO string `yaml:"helo"`
	// Headers are added to every message, such as X-SES-Configuration-Set or List-Unsubscribe: a name with its value, both
	// ASCII and one line. The fields that we write ourselves cannot be among them. Defaults to none.
	Headers map[string]string `yaml:"headers"`
	// DKIM are the keys that messages are signed with, each for the senders of its domain and of those below it. Several
	// keys for one domain sign side by side, which is how keys are rotated. Without any the server signs, or nobody does.
	// Defaults to none.
	DKIM []DKIM `yaml:"dkim"`

	// MaxConnections bounds the connections to the server, and so the messages in flight. Defaults to 8.
	MaxConnections int `yaml:"max_connections"`
	// Rate is how many messages all workers together may hand to the server, such as 10/s, 300/min or 5000/h. Defaults to
	// no limit.
	Rate transports.Limit `yaml:"rate"`
	// IdleTimeout is how long an unused connection is kept. It must stay below the server's own limit. Defaults to 30s.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// DialTimeout is how long connecting may take. Defaults to 10s.
	DialTimeout time.Duration `yaml:"dial_timeout"`
	// OpenTimeout is how long the server may take for each of its greeting, EHLO, TLS and AUTH. Defaults to 30s.
	OpenTimeout time.Duration `yaml:"open_timeout"`
	// CommandTimeout is how long the server may take to answer each of MAIL, RCPT and DATA. Defaults to 60s.
	CommandTimeout time.Duration `yaml:"command_timeout"`
	// BlockTimeout is how long the server may take to accept one block of a message, so that a long one may take its time
	// and a stuck one may not. Defaults to 60s.
	BlockTimeout time.Duration `yaml:"block_timeout"`
	// ReplyTimeout is how long to wait for the answer to the finished message. Giving up may cost a duplicate, so it is
	// long; the standard allows a server 10 minutes. Defaults to 120s; at most 10m.
	ReplyTimeout time.Duration `yaml:"reply_timeout"`
	// SendTimeout bounds one Send altogether, with the wait for a connection, and must be longer than the wait for the
	// answer. Defaults to 180s, which a longer ReplyTimeout lengthens so that 60s are left.
	SendTimeout time.Duration `yaml:"send_timeout"`

	// TLS is what TLS is spoken with, such as a private authority. Defaults to the system's authorities. The server's
	// name is filled in, and versions below 1.2 are refused.
	TLS *tls.Config `yaml:"-"`
	// Resolver looks up the server's name, for 5 s or half of DialTimeout at the most. Defaults to the system's.
	Resolver *net.Resolver `yaml:"-"`
	// DialFunc connects to the server, in place of Resolver and a [net.Dialer]. It must respect its context.
	DialFunc func(ctx context.Context, network, addr string) (net.Conn, error) `yaml:"-"`
}

// settings is a checked Config, with its defaults.
type settings struct {
	Config
	target    target
	from      mailbox
	replyTo   *mailbox
	returning *mailbox
	headers   []headerField
	signers   []signer
	resend    *resend // nil if the mails go to a server
}

// check returns the settings, or every problem of the configuration at once.
func (c Config) check() (*settings, error) {
	s := &settings{Config: c}
	var errs []error
	problem := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("email: %s %s", field, fmt.Sprintf(format, args...)))
	}

	s.checkProvider(problem)
	if c.From == "" {
		problem("from", `is required (such as "Shop <shop@example.com>")`)
	} else if from, err := parseMailbox(c.From); err != nil {
		problem("from", "is not a mailbox: %v", err)
	} else {
		s.from = from
	}
	s.replyTo = optionalMailbox(c.ReplyTo, "reply_to", problem)
	s.returning = optionalMailbox(c.ReturnPath, "return_path", problem)

	s.MessageIDDomain = cmp.Or(c.MessageIDDomain, s.from.domain())
	if c.MessageIDDomain != "" && !isDomain(c.MessageIDDomain) {
		problem("message_id_domain", "is not a domain name")
	}
	s.HELO = cmp.Or(c.HELO, ownName(), s.from.domain())
	if c.HELO != "" && !isHELO(c.HELO) {
		problem("helo", "is neither a domain name nor an address in brackets")
	}

	s.MaxConnections = cmp.Or(c.MaxConnections, 8)
	if s.MaxConnections < 1 || s.MaxConnections > 1000 {
		problem("max_connections", "is %d (1 to 1000)", c.MaxConnections)
	}
	s.headers = checkHeaders(c.Headers, problem)
	s.signers = checkDKIM(c.DKIM, s.from, problem)
	s.checkTimeouts(problem)
	if s.DialFunc == nil {
		s.DialFunc = dialer{c.Resolver, min(lookupTimeout, s.DialTimeout/2)}.dial
	}
	return s, errors.Join(errs...)
}

// Names of the providers.
const (
	providerSMTP   = "smtp"
	providerResend = "resend"
)

// checkProvider checks each section that there is, and chooses.
func (s *settings) checkProvider(problem func(field, format string, args ...any)) {
	if s.SMTP != "" || s.Resend == nil {
		var problems []string
		s.target, problems = parseTarget(s.SMTP.Reveal())
		for _, p := range problems {
			problem("smtp", "%s", p)
		}
	}
	var viaResend *resend
	if s.Resend != nil {
		viaResend = newResend(s, *s.Resend, problem)
	}
	switch {
	case s.Provider != "" && s.Provider != providerSMTP && s.Provider != providerResend:
		problem("provider", "is neither smtp nor resend")
	case s.Provider == providerResend && s.Resend == nil, s.Provider == providerSMTP && s.SMTP == "":
		problem("provider", "names a section that there is not")
	case s.Provider == "" && s.SMTP != "" && s.Resend != nil:
		problem("provider", "is required beside both (smtp or resend)")
	case s.Provider == providerResend || s.SMTP == "":
		s.resend = viaResend
	}
	if s.SMTP != "" || s.Resend == nil {
		return
	}
	for field, given := range map[string]bool{
		"return_path": s.ReturnPath != "", "dkim": len(s.DKIM) > 0, "helo": s.HELO != "", "message_id_domain": s.MessageIDDomain != "",
	} {
		if given {
			problem(field, "is about smtp: Resend sees to it by itself (leave it out)")
		}
	}
}

// maxReplyTimeout is what the standard asks of clients (RFC 5321 §4.5.3.2.6); no server takes longer.
const maxReplyTimeout = 10 * time.Minute

// checkTimeouts fills in the defaults.
func (s *settings) checkTimeouts(problem func(field, format string, args ...any)) {
	reply, send := s.ReplyTimeout, s.SendTimeout
	for _, d := range []struct {
		field string
		value *time.Duration
		or    time.Duration
	}{
		{"idle_timeout", &s.IdleTimeout, 30 * time.Second},
		{"dial_timeout", &s.DialTimeout, 10 * time.Second},
		{"open_timeout", &s.OpenTimeout, 30 * time.Second},
		{"command_timeout", &s.CommandTimeout, time.Minute},
		{"block_timeout", &s.BlockTimeout, time.Minute},
		{"reply_timeout", &s.ReplyTimeout, 2 * time.Minute},
		{"send_timeout", &s.SendTimeout, cmp.Or(reply, 2*time.Minute) + time.Minute},
	} {
		*d.value = cmp.Or(*d.value, d.or)
		if *d.value < 0 {
			problem(d.field, "is negative")
		}
	}
	if s.ReplyTimeout > maxReplyTimeout {
		problem("reply_timeout", "is %s (at most %s)", s.ReplyTimeout, maxReplyTimeout)
	}
	if send > 0 && reply > 0 && send <= reply {
		problem("send_timeout", "is %s, but must be longer than reply_timeout, which is %s", send, reply)
	}
}

// tlsConfig is what a connection to the target speaks TLS with.
func (s *settings) tlsConfig() *tls.Config {
	cfg := &tls.Config{}
	if s.TLS != nil {
		cfg = s.TLS.Clone()
	}
	cfg.ServerName = cmp.Or(cfg.ServerName, s.target.host)
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	return cfg
}

func optionalMailbox(text, field string, problem func(field, format string, args ...any)) *mailbox {
	if text == "" {
		return nil
	}
	m, err := parseMailbox(text)
	if err != nil {
		problem(field, "is not a mailbox: %v", err)
		return nil
	}
	return &m
}

// ownName is this machine's name if servers would accept it in a greeting.
func ownName() string {
	name, err := os.Hostname()
	if err != nil || !strings.Contains(name, ".") || !isDomain(name) {
		return ""
	}
	return name
}

func isHELO(text string) bool {
	if inner, ok := strings.CutPrefix(text, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && net.ParseIP(strings.TrimPrefix(inner, "IPv6:")) != nil
	}
	return isDomain(text)
}

// isDomain accepts names of letters, digits, hyphens and underscores, in labels between dots.
func isDomain(text string) bool {
	if text == "" || len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, r := range label {
			letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
			if !letter && (r < '0' || r > '9') && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}
