package email_test

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const (
	username = "canary-user-4f1"
	password = "s3cr3t/p@ss word"
)

// provider is an SMTP server for the conformance suite. Its behaviours are "<stage> <code> <enhanced>" or "<stage> cut".
type provider struct {
	sink *smtpsink.Server

	mu        sync.Mutex
	tries     int
	behaviour string
	stalled   chan struct{}
	once      sync.Once
}

func newProvider(tb testing.TB) *provider {
	p := &provider{}
	p.sink = startSink(tb, &smtpsink.Config{
		Username: username, Password: password,
		ConnectFunc: p.at("connect"), AuthFunc: p.at("auth"), MailFunc: p.at("mail"), RcptFunc: p.at("rcpt"),
		DataFunc: p.at("data"),
	})
	return p
}

func (p *provider) at(stage string) func(smtpsink.Session) smtpsink.Answer {
	return func(s smtpsink.Session) smtpsink.Answer {
		p.mu.Lock()
		defer p.mu.Unlock()
		if stage == "mail" {
			p.tries++
		}
		if p.stalled != nil && stage == "data" {
			p.once.Do(func() { close(p.stalled) })
			return smtpsink.Answer{Wait: make(chan struct{})}
		}
		words := strings.Fields(p.behaviour + " . . .")
		code, err := strconv.Atoi(words[1])
		switch {
		case words[0] != stage:
			return smtpsink.Answer{}
		case err != nil:
			return smtpsink.Answer{Cut: map[string]smtpsink.Cut{
				"cut": smtpsink.CutSilently, "keep": smtpsink.CutKeeping, "leave": smtpsink.CutAfterReply,
			}[words[1]]}
		}
		text := fmt.Sprintf("<%s>: %s may not send Your canary subject with %s", strings.Join(s.To, ""), username, password)
		return smtpsink.Refuse(code, words[2], text)
	}
}

func (p *provider) Deliveries() []transporttest.Delivery {
	var ds []transporttest.Delivery
	for _, m := range p.sink.Messages() {
		ds = append(ds, transporttest.Delivery{
			Key: m.MessageID, Body: m.Raw, Address: strings.Join(m.Session.To, ","),
			Content: transports.Content{Subject: m.Subject, Text: m.Text, HTML: m.HTML},
		})
	}
	return ds
}

func (p *provider) Tries() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries
}

func (p *provider) Behave(behaviour string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = behaviour
}

func (p *provider) Stall() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = make(chan struct{})
	return p.stalled
}

// not parallel: the suite looks for goroutines that were left behind
func TestConformance(t *testing.T) {
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			p := newProvider(tb)
			target := url.URL{Scheme: "smtp", Host: p.sink.Addr(), User: url.UserPassword(username, password)}
			transport, err := email.New(&email.Config{
				SMTP: transports.Secret(target.String()), From: "Shop <shop@example.com>",
			})
			require.NoError(tb, err)
			return transport, p
		},
		Secrets: []string{username, password},
		Behaviours: []transporttest.Behaviour{
			{Name: "connect 421 4.7.0", Class: transports.Rate},
			{Name: "connect cut", Class: transports.Transient},
			{Name: "auth 535 5.7.8", Class: transports.Configuration},
			{Name: "auth 454 4.7.0", Class: transports.Transient},
			{Name: "auth cut", Class: transports.Transient},
			{Name: "mail 550 5.1.8", Class: transports.Permanent},
			{Name: "mail cut", Class: transports.Transient},
			{Name: "rcpt 550 5.1.1", Class: transports.Address},
			{Name: "rcpt 450 4.2.1", Class: transports.Transient, RetryAfter: wait},
			{Name: "rcpt 552 5.2.2", Class: transports.Permanent, Attempt: 3},
			{Name: "rcpt 599 5.9.9", Class: transports.Transient},
			{Name: "data 554 5.7.1", Class: transports.Permanent},
			{Name: "data cut", Class: transports.Unknown},
			{Name: "data keep", Class: transports.Unknown},
			{Name: "data leave", Class: transports.OK},
		},
	})
}
