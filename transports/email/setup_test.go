package email_test

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

const (
	recipient = "carla.canary@example.com"
	patience  = 30 * time.Second
	promptly  = 5 * time.Second
)

// longText does not fit into the buffers between a client and a server.
var longText = strings.Repeat("a line of a long message\n", 1<<19)

// startSink runs a server that ends with the test.
func startSink(tb testing.TB, config *smtpsink.Config) *smtpsink.Server {
	tb.Helper()
	sink, err := smtpsink.Start(config)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, sink.Close()) })
	return sink
}

// newTransport makes a transport that is closed with the test.
func newTransport(tb testing.TB, config *email.Config) *email.Transport {
	tb.Helper()
	if config.From == "" {
		config.From = "Shop <shop@example.com>"
	}
	transport, err := email.New(config)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(tb, transport.Close(ctx))
	})
	return transport
}

// setup is a sink and a transport to it.
func setup(tb testing.TB, config *smtpsink.Config) (*smtpsink.Server, *email.Transport) {
	tb.Helper()
	sink := startSink(tb, config)
	return sink, newTransport(tb, &email.Config{SMTP: transports.Secret(sink.URL())})
}

func newMessage() transports.Message {
	return transports.Message{
		ReceiptID:  uuid.Must(uuid.NewV7()),
		Attempt:    1,
		Recipient:  transports.Recipient{ID: "7", Name: "Carla Canary", Address: recipient},
		Content:    transports.Content{Subject: "Order A7 created", Text: "Your order A7 was created.\n"},
		RenderedAt: time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC),
	}
}

func patient(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// requireClass expects a classified error that gives nothing away.
func requireClass(tb testing.TB, want transports.Class, err error) {
	tb.Helper()
	_ = classified(tb, want, err)
}

// classified is requireClass for a test that looks closer.
func classified(tb testing.TB, want transports.Class, err error) *transports.Error {
	tb.Helper()
	var e *transports.Error
	require.ErrorAs(tb, err, &e)
	require.Equal(tb, want, e.Class, "%v", err)
	require.NotEmpty(tb, e.Detail)
	for _, part := range []string{"canary", "example.com", "Order"} {
		require.False(tb, strings.Contains(err.Error(), part), "the error gives away %q: %v", part, err)
	}
	return e
}

// always answers the same at every call.
func always(a smtpsink.Answer) func(smtpsink.Session) smtpsink.Answer {
	return func(smtpsink.Session) smtpsink.Answer { return a }
}

// refuse repeats the address, as real servers do.
func refuse(code int, enhanced string) smtpsink.Answer {
	return smtpsink.Refuse(code, enhanced, "<"+recipient+">: Order A7 created is refused")
}

// requireSoon waits for what must happen.
func requireSoon[T any](tb testing.TB, c <-chan T, what string) T {
	tb.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		require.FailNow(tb, what+" did not happen in time")
		panic("unreachable")
	}
}
