package nats

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/broadcast"
)

var (
	_ transports.Transport      = (*Transport)(nil)
	_ transports.AddressChecker = (*Transport)(nil)
	_ transports.Closer         = (*Transport)(nil)
)

// Config says where NATS is.
type Config struct {
	// URL names the servers, with commas between them: nats://user:password@host:4222, or tls://. Required.
	URL transports.Secret `yaml:"url"`
	// Prefix begins every subject. Defaults to carillon.
	Prefix string `yaml:"prefix"`
	// JetStream waits until a stream has stored the signal, rather than a server got it. A stream must listen to the
	// subjects. Defaults to false.
	JetStream bool `yaml:"jetstream"`
	// DialTimeout is how long connecting may take. Defaults to 5 s.
	DialTimeout time.Duration `yaml:"dial_timeout"`
}

// sendTimeout ends a send whose context has no end of its own.
const sendTimeout = 30 * time.Second

// Transport publishes signals. It connects with the first, and keeps the connection.
type Transport struct {
	cfg Config

	mu     sync.Mutex
	closed bool
	conn   *nats.Conn
}

// New returns the transport. It dials when there is something to send.
func New(config *Config) (*Transport, error) {
	var c Config
	if config != nil {
		c = *config
	}
	c.Prefix = cmp.Or(c.Prefix, "carillon")
	c.DialTimeout = cmp.Or(c.DialTimeout, 5*time.Second)
	var errs []error
	if strings.TrimSpace(c.URL.Reveal()) == "" {
		errs = append(errs, errors.New("broadcast: nats url is required"))
	}
	if !isSubject(c.Prefix) {
		errs = append(errs, errors.New("broadcast: nats prefix is no subject of NATS"))
	}
	if c.DialTimeout < 0 {
		errs = append(errs, errors.New("broadcast: nats dial_timeout is negative"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Transport{cfg: c}, nil
}

// Name is "broadcast".
func (*Transport) Name() string { return transports.Broadcast }

// Spec is [transports.BroadcastSpec], but not in the database.
func (*Transport) Spec() transports.Spec {
	spec := transports.BroadcastSpec()
	spec.InDatabase = false
	return spec
}

// CheckAddress accepts topics that are a subject.
func (*Transport) CheckAddress(address string) error {
	if !isSubject(tokens(address)) {
		return errors.New("is no topic that can be a subject of NATS (no blanks, *, > and empty parts)")
	}
	return nil
}

// Send publishes once and waits for the confirmation. An error after the publishing is [transports.Unknown].
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if err := ctx.Err(); err != nil {
		return transports.Result{}, transports.Classify(err)
	}
	signal, encoded, err := broadcast.Of(m)
	if err != nil {
		return transports.Result{}, err
	}
	if err := t.CheckAddress(signal.Topic); err != nil {
		return transports.Result{}, transports.Errorf(transports.Permanent, "the topic %s", err)
	}
	subject := t.cfg.Prefix + "." + tokens(signal.Topic)
	if signal.Tenant != "" {
		if !isSubject(signal.Tenant) || strings.Contains(signal.Tenant, ".") {
			return transports.Result{}, transports.Errorf(transports.Permanent, "the tenant's name cannot be a part of a subject of NATS")
		}
		subject = t.cfg.Prefix + "." + signal.Tenant + "." + tokens(signal.Topic)
	}
	// The client insists on an end.
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	conn, err := t.connect(ctx)
	if err != nil {
		return transports.Result{}, err
	}
	message := &nats.Msg{Subject: subject, Data: encoded, Header: nats.Header{}}
	message.Header.Set(nats.MsgIdHdr, signal.ID.String())
	if err := t.publish(ctx, conn, message); err != nil {
		return transports.Result{}, err
	}
	return transports.Result{Provider: "nats", ProviderMessageID: signal.ID.String()}, nil
}

func (t *Transport) publish(ctx context.Context, conn *nats.Conn, message *nats.Msg) error {
	lost := func(err error) error {
		return &transports.Error{Class: transports.Unknown, Detail: "no confirmation came", Err: err}
	}
	if !t.cfg.JetStream {
		if err := conn.PublishMsg(message); err != nil {
			return &transports.Error{Class: transports.Transient, Detail: "NATS did not take the signal", Err: err}
		}
		// The answer to a ping comes after what was published before it.
		if err := conn.FlushWithContext(ctx); err != nil {
			return lost(err)
		}
		return nil
	}
	js, err := conn.JetStream()
	if err != nil {
		return &transports.Error{Class: transports.Transient, Detail: "JetStream is not to be had", Err: err}
	}
	switch _, err := js.PublishMsg(message, nats.Context(ctx), nats.RetryAttempts(0)); {
	case errors.Is(err, nats.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return &transports.Error{Class: transports.Configuration, Detail: "no stream listens to the subject", Err: err}
	case err != nil:
		return lost(err)
	}
	return nil
}

// connect returns the connection, and dials if there is none. One that broke is given up: its buffer would send later
// what is tried anew by then.
func (t *Transport) connect(ctx context.Context) (*nats.Conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, transports.Errorf(transports.Transient, "the transport is closed")
	}
	if t.conn != nil && t.conn.IsConnected() {
		return t.conn, nil
	}
	if t.conn != nil {
		t.conn.Close()
		t.conn = nil
	}
	timeout := t.cfg.DialTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline))
	}
	conn, err := nats.Connect(t.cfg.URL.Reveal(), nats.Timeout(timeout), nats.NoReconnect(), nats.Name("carillon"))
	if err != nil {
		class := transports.Transient
		if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) {
			class = transports.Configuration
		}
		return nil, &transports.Error{Class: class, Detail: "NATS is not to be reached, or refused us", Err: err}
	}
	t.conn = conn
	return conn, nil
}

// Close closes the connection. A Send after it fails as transient.
func (t *Transport) Close(context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.conn != nil {
		t.conn.Close()
		t.conn = nil
	}
	return nil
}

// tokens is a topic as the end of a subject.
func tokens(topic string) string { return strings.ReplaceAll(topic, "/", ".") }

// isSubject says whether text is a subject that one can publish to (NATS: tokens between dots, without blanks and
// wildcards).
func isSubject(text string) bool {
	if len(text) > 255 || strings.ContainsAny(text, " \t\r\n\x00*>") {
		return false
	}
	for token := range strings.SplitSeq(text, ".") {
		if token == "" {
			return false
		}
	}
	for _, r := range text {
		if r < ' ' || r == 0x7f || r == 0xFFFD {
			return false
		}
	}
	return true
}
