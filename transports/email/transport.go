package email

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
)

var (
	_ transports.Transport = (*Transport)(nil)
	_ transports.Closer    = (*Transport)(nil)
)

// errClosed is what a Send after Close fails with.
var errClosed = errors.New("the transport is closed")

// Transport sends mail through one SMTP server, or by Resend's API. It is safe for concurrent use.
type Transport struct {
	settings *settings
	pool     *pool
	streaks  streaks

	mu     sync.Mutex
	closed bool
	next   int
	sends  map[int]context.CancelFunc // running ones, for Close
}

// New returns a transport; it dials when there is something to send. The error lists every problem of the configuration,
// each with its field, and quotes no value of it.
func New(config *Config) (*Transport, error) {
	var c Config
	if config != nil {
		c = *config
	}
	s, err := c.check()
	if err != nil {
		return nil, err
	}
	p, err := newPool(s.MaxConnections, s.IdleTimeout)
	if err != nil {
		return nil, err
	}
	return &Transport{settings: s, pool: p, sends: make(map[int]context.CancelFunc)}, nil
}

// Name is "email".
func (t *Transport) Name() string { return transports.Email }

// Spec is [transports.EmailSpec].
func (t *Transport) Spec() transports.Spec { return transports.EmailSpec() }

// Send delivers m to its one recipient. Success means that the server answered the finished message with 250: it has
// taken responsibility. Every error is a [transports.Error]; what is wrong with the message itself is found before
// anything is dialed. The end of ctx closes the connection, whatever it is waiting for.
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if t.settings.resend != nil {
		return t.settings.resend.send(ctx, m)
	}
	if ctx.Err() != nil {
		return transports.Result{}, t.streaks.classify(newFailure(ctx, classify.StageConnect, ctx.Err()), m.Attempt, time.Now())
	}
	l, err := t.settings.compose(m)
	if err != nil {
		return transports.Result{}, err
	}
	if l.raw, err = t.settings.sign(l); err != nil {
		return transports.Result{}, err
	}
	ctx, end, err := t.begin(ctx)
	if err != nil {
		return transports.Result{}, &transports.Error{Class: transports.Transient, Detail: err.Error(), Err: err}
	}
	defer end()
	reply, f := t.deliver(ctx, l)
	if f != nil {
		return transports.Result{}, t.streaks.classify(f, m.Attempt, time.Now())
	}
	t.streaks.accepted()
	return transports.Result{
		Provider: t.settings.target.host, ProviderMessageID: t.settings.messageID(m.ReceiptID), Detail: reply,
	}, nil
}

// Close closes every connection. It waits for running sends until ctx ends, and then cuts them off and returns its
// error. A Send after Close fails as transient.
func (t *Transport) Close(ctx context.Context) error {
	if t.settings.resend != nil {
		return t.settings.resend.client.Close(ctx)
	}
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()

	done := make(chan struct{})
	go func() {
		defer close(done)
		t.pool.close()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	for _, cancel := range t.sends {
		cancel()
	}
	t.mu.Unlock()
	<-done
	return ctx.Err()
}

// begin gives a send its deadline and registers it.
func (t *Transport) begin(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, t.settings.SendTimeout)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		cancel()
		return nil, nil, errClosed
	}
	t.next++
	id := t.next
	t.sends[id] = cancel
	return ctx, func() {
		cancel()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.sends, id)
	}, nil
}

// deliver sends the letter over a kept connection or a new one. A kept one that the server had given up costs a second
// dial; that is no second try, because nothing of the message was sent.
func (t *Transport) deliver(ctx context.Context, l *letter) (string, *failure) {
	res, err := t.pool.acquire(ctx)
	if err != nil {
		return "", newFailure(ctx, classify.StageConnect, err)
	}
	defer t.pool.release(res)

	s := res.Value()
	if s.conn != nil {
		reply, f := s.conn.send(ctx, l)
		if f == nil || !f.stale() {
			return reply, f
		}
		s.drop()
		t.pool.drain()
	}
	c, f := t.settings.dial(ctx)
	if f != nil {
		return "", f
	}
	s.conn = c
	return c.send(ctx, l)
}
