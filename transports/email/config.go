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
	// SMTP is the server as a URL, required: smtp://user:password@host:587 needs STARTTLS, smtps://user:password@host:465
	// is TLS from the first byte. The ports shown are the defaults; special characters in the password are
	// percent-encoded. To loopback smtp:// speaks clear text; elsewhere ?tls=off asks for that, and then refuses
	// credentials. ?tls=starttls asks for STARTTLS on loopback too.
	SMTP transports.Secret `yaml:"smtp"`
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

	// MaxConnections bounds the connections to the server, and so the messages in flight. Defaults to 8.
	MaxConnections int `yaml:"max_connections"`
	// IdleTimeout is how long an unused connection is kept. It must stay below the server's own limit. Defaults to 30s.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// DialTimeout is how long connecting may take. Defaults to 10s.
	DialTimeout time.Duration `yaml:"dial_timeout"`
	// ReplyTimeout is how long to wait for the answer to the finished message. Giving up may cost a duplicate, so it is
	// long; the standard allows a server 10 minutes. Defaults to 120s.
	ReplyTimeout time.Duration `yaml:"reply_timeout"`
	// SendTimeout bounds one Send altogether, with the wait for a connection. Defaults to 180s.
	SendTimeout time.Duration `yaml:"send_timeout"`

	// TLS is what TLS is spoken with, such as a private authority. Defaults to the system's authorities. The server's
	// name is filled in, and versions below 1.2 are refused.
	TLS *tls.Config `yaml:"-"`
	// DialFunc connects to the server. Defaults to a [net.Dialer]. It must respect its context.
	DialFunc func(ctx context.Context, network, addr string) (net.Conn, error) `yaml:"-"`
}

// settings is a checked Config, with its defaults.
type settings struct {
	Config
	target    target
	from      mailbox
	replyTo   *mailbox
	returning *mailbox
}

// check returns the settings, or every problem of the configuration at once.
func (c Config) check() (*settings, error) {
	s := &settings{Config: c}
	var errs []error
	problem := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("email: %s %s", field, fmt.Sprintf(format, args...)))
	}

	var problems []string
	s.target, problems = parseTarget(c.SMTP.Reveal())
	for _, p := range problems {
		problem("smtp", "%s", p)
	}
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
	for _, d := range []struct {
		field string
		value *time.Duration
		or    time.Duration
	}{
		{"idle_timeout", &s.IdleTimeout, 30 * time.Second},
		{"dial_timeout", &s.DialTimeout, 10 * time.Second},
		{"reply_timeout", &s.ReplyTimeout, 120 * time.Second},
		{"send_timeout", &s.SendTimeout, 180 * time.Second},
	} {
		*d.value = cmp.Or(*d.value, d.or)
		if *d.value < 0 {
			problem(d.field, "is negative")
		}
	}
	if s.DialFunc == nil {
		s.DialFunc = (&net.Dialer{}).DialContext
	}
	return s, errors.Join(errs...)
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
