package email_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
)

// TestManyRefusalsInARowAreAboutUs: each costs its mail; from the tenth on they wait for somebody to look, until the
// server takes one again.
func TestManyRefusalsInARowAreAboutUs(t *testing.T) {
	t.Parallel()
	var accepting, greylisting atomic.Bool
	_, transport := setup(t, &smtpsink.Config{
		RcptFunc: func(smtpsink.Session) smtpsink.Answer {
			if greylisting.Load() {
				return refuse(451, "4.7.1")
			}
			return smtpsink.Answer{}
		},
		DataFunc: func(smtpsink.Session) smtpsink.Answer {
			if accepting.Load() {
				return smtpsink.Answer{}
			}
			return refuse(550, "5.7.26")
		},
	})
	send := func(want transports.Class) {
		t.Helper()
		_, err := transport.Send(patient(t), newMessage())
		if want == transports.OK {
			require.NoError(t, err)
			return
		}
		requireClass(t, want, err)
	}
	for range 9 {
		send(transports.Permanent)
	}
	greylisting.Store(true)
	send(transports.Transient) // says nothing about policy
	greylisting.Store(false)
	send(transports.Configuration)
	send(transports.Configuration)
	accepting.Store(true)
	send(transports.OK)
	accepting.Store(false)
	send(transports.Permanent)
}
