package email_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

// nameServer is a DNS server that answers every question as the function says, or not at all.
func nameServer(t *testing.T, answer func(m *dnsmessage.Message) bool) *net.Resolver {
	t.Helper()
	pc, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() {
		require.NoError(t, pc.Close())
		<-done
	})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil {
				continue
			}
			m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
			if !answer(&m) {
				continue
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = pc.WriteTo(packed, from)
			}
		}
	}()
	// A lookup that was given up goes on by itself until its connection closes, which is with the test.
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return &net.Resolver{PreferGo: true, Dial: func(_ context.Context, _, _ string) (net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
		if err == nil {
			context.AfterFunc(ctx, func() { _ = nc.Close() })
		}
		return nc, err
	}}
}

func refusing(code dnsmessage.RCode) func(*dnsmessage.Message) bool {
	return func(m *dnsmessage.Message) bool {
		m.RCode = code
		return true
	}
}

func TestNamesThatCannotBeLookedUp(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answer func(*dnsmessage.Message) bool
		class  map[int]transports.Class
		detail string
	}{
		"NXDOMAIN": {
			refusing(dnsmessage.RCodeNameError),
			map[int]transports.Class{1: transports.Transient, 2: transports.Transient, 3: transports.Configuration},
			"the name of the SMTP server does not exist",
		},
		"SERVFAIL": {
			refusing(dnsmessage.RCodeServerFailure),
			map[int]transports.Class{1: transports.Transient, 9: transports.Transient},
			"the name of the SMTP server cannot be looked up now",
		},
		"REFUSED": {
			refusing(dnsmessage.RCodeRefused),
			map[int]transports.Class{9: transports.Transient},
			"the name of the SMTP server cannot be looked up now",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := newTransport(t, &email.Config{
				SMTP: "smtp://mail.example.test", Resolver: nameServer(t, tt.answer),
			})
			m := newMessage()
			for attempt, class := range tt.class {
				m.Attempt = attempt
				_, err := transport.Send(patient(t), m)
				e := classified(t, class, err)
				require.Equal(t, tt.detail, e.Detail)
			}
		})
	}
}

func TestASilentNameServer(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, &email.Config{
		SMTP: "smtp://mail.example.test", Resolver: nameServer(t, func(*dnsmessage.Message) bool { return false }),
		DialTimeout: 2 * short,
	})
	began := time.Now()
	_, err := transport.Send(patient(t), newMessage())
	e := classified(t, transports.Transient, err)
	require.Equal(t, "the name of the SMTP server cannot be looked up now", e.Detail)
	require.Less(t, time.Since(began), promptly)
}

// TestTheAddressMayChange: a name is looked up at every dial.
func TestTheAddressMayChange(t *testing.T) {
	t.Parallel()
	var dead atomic.Bool
	dead.Store(true)
	resolver := nameServer(t, func(m *dnsmessage.Message) bool {
		if len(m.Questions) != 1 || m.Questions[0].Type != dnsmessage.TypeA {
			return true
		}
		ip := [4]byte{127, 0, 0, 1}
		if dead.Load() {
			ip = [4]byte{127, 0, 0, 99}
		}
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.AResource{A: ip},
		}}
		return true
	})
	sink := startSink(t, &smtpsink.Config{})
	_, port, err := net.SplitHostPort(sink.Addr())
	require.NoError(t, err)
	transport := newTransport(t, &email.Config{
		SMTP: transports.Secret("smtp://mail.example.test:" + port + "?tls=off"), Resolver: resolver,
	})
	_, err = transport.Send(patient(t), newMessage())
	requireClass(t, transports.Transient, err)
	dead.Store(false)
	_, err = transport.Send(patient(t), newMessage())
	require.NoError(t, err)
}
