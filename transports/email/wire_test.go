package email_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

// wire keeps what goes over it, as an eavesdropper would.
type wire struct {
	mu   sync.Mutex
	sent bytes.Buffer
}

type tapped struct {
	net.Conn
	wire *wire
}

func (c tapped) Write(p []byte) (int, error) {
	c.wire.mu.Lock()
	c.wire.sent.Write(p)
	c.wire.mu.Unlock()
	return c.Conn.Write(p)
}

func (w *wire) dial(sink *smtpsink.Server) func(context.Context, string, string) (net.Conn, error) {
	dial := to(sink)
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, addr)
		return tapped{nc, w}, err
	}
}

func (w *wire) text() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent.String()
}

// TestNothingGoesInClear: whatever is wrong with a server's TLS, an eavesdropper sees neither mail nor credentials, and
// the fault is in the settings.
func TestNothingGoesInClear(t *testing.T) {
	t.Parallel()
	const user, password = "canary-user", "canary-password"
	tests := map[string]struct {
		sink     smtpsink.Config
		scheme   string
		host     string
		distrust bool
		detail   string
	}{
		"Expired":         {sink: smtpsink.Config{TLS: smtpsink.StartTLS, Expired: true}, scheme: "smtp", detail: "the server's certificate is not valid for it"},
		"ExpiredImplicit": {sink: smtpsink.Config{TLS: smtpsink.ImplicitTLS, Expired: true}, scheme: "smtps", detail: "the server's certificate is not valid for it"},
		"WrongName":       {sink: smtpsink.Config{TLS: smtpsink.StartTLS}, scheme: "smtp", host: "other.example.test", detail: "the server's certificate is not valid for it"},
		"SelfSigned":      {sink: smtpsink.Config{TLS: smtpsink.StartTLS}, scheme: "smtp", distrust: true, detail: "the server's certificate is not valid for it"},
		"Stripped":        {sink: smtpsink.Config{}, scheme: "smtp", detail: "the server offers no STARTTLS, and clear text is not allowed"},
		"TLS10":           {sink: smtpsink.Config{TLS: smtpsink.StartTLS, MaxTLS: tls.VersionTLS10}, scheme: "smtp", detail: "the TLS handshake failed"},
		"TLS11":           {sink: smtpsink.Config{TLS: smtpsink.StartTLS, MaxTLS: tls.VersionTLS11}, scheme: "smtp", detail: "the TLS handshake failed"},
		"TLS10Implicit":   {sink: smtpsink.Config{TLS: smtpsink.ImplicitTLS, MaxTLS: tls.VersionTLS10}, scheme: "smtps", detail: "the TLS handshake failed"},
		"ClearImplicit":   {sink: smtpsink.Config{}, scheme: "smtps", detail: "the TLS handshake failed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.sink.Hosts, tt.sink.Username, tt.sink.Password = []string{remote}, user, password
			sink := startSink(t, &tt.sink)
			host := remote
			if tt.host != "" {
				host = tt.host
			}
			var seen wire
			config := &email.Config{
				SMTP:     transports.Secret(tt.scheme + "://" + user + ":" + password + "@" + host),
				DialFunc: seen.dial(sink),
			}
			if !tt.distrust {
				config.TLS = trust(sink)
			}
			transport := newTransport(t, config)
			for range 3 {
				_, err := transport.Send(patient(t), newMessage())
				e := classified(t, transports.Configuration, err)
				require.Equal(t, tt.detail, e.Detail)
			}
			require.Empty(t, sink.Messages())
			for _, secret := range []string{user, password, "carla", "shop@example.com", "Order A7", "AUTH", "MAIL FROM"} {
				for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte(secret))} {
					require.False(t, strings.Contains(seen.text(), form), "%q went over the wire", form)
				}
			}
			plain := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
			require.NotContains(t, seen.text(), plain)
		})
	}
}
