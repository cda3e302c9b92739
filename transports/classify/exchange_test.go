package classify_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
)

// post sends a request to where addr leads and classifies what comes of it.
func post(ctx context.Context, t *testing.T, client *http.Client, url string) *transports.Error {
	t.Helper()
	traced, request := classify.Trace(ctx)
	req, err := http.NewRequestWithContext(traced, http.MethodPost, url, strings.NewReader("{}"))
	require.NoError(t, err)
	resp, err := client.Do(req)
	if err != nil {
		return classify.HTTP().Classify(request.Failed(ctx, err))
	}
	require.NoError(t, resp.Body.Close())
	return classify.HTTP().Classify(classify.Outcome{Stage: request.Stage(), Status: resp.StatusCode, Attempt: 1})
}

func TestALostAnswerIsUnknownOnlyOnceTheRequestHasLeft(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 9)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		if r.URL.Path == "/cut" {
			panic(http.ErrAbortHandler)
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

	require.Equal(t, transports.Unknown, post(t.Context(), t, client, server.URL+"/cut").Class)

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		<-arrived
		cancel()
	}()
	got := post(ctx, t, client, server.URL+"/hang")
	require.Equal(t, transports.Unknown, got.Class)
	require.ErrorIs(t, got, context.Canceled)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, transports.Transient, post(ended, t, client, server.URL).Class)

	addr := server.URL
	server.Close()
	require.Equal(t, transports.Transient, post(t.Context(), t, client, addr).Class, "nobody listens")
}

func TestARequestThatDidNotLeaveWholeWasNotSent(t *testing.T) {
	t.Parallel()
	traced, request := classify.Trace(t.Context())
	body := io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), &failingReader{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer server.Close()
	req, err := http.NewRequestWithContext(traced, http.MethodPost, server.URL, body)
	require.NoError(t, err)
	resp, err := server.Client().Do(req)
	if err == nil {
		require.NoError(t, resp.Body.Close())
	}
	require.Error(t, err)
	require.False(t, request.Written())
}

type failingReader struct{}

func (*failingReader) Read([]byte) (int, error) { return 0, errors.New("no more") }

func TestAnAnswerThatIsNoHTTPIsUnknown(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		buf := make([]byte, 4096)
		_, _ = c.Read(buf)
		_, _ = c.Write([]byte("220 smtp.example.test ESMTP\r\n"))
		_ = c.Close()
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	require.Equal(t, transports.Unknown, post(t.Context(), t, client, "http://"+l.Addr().String()).Class)
	require.NoError(t, l.Close())
	<-done
}

func TestTLSFailuresAreTold(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	got := post(t.Context(), t, client, server.URL)
	require.Equal(t, transports.Configuration, got.Class)

	old := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, //nolint:gosec // the point
	}}
	require.Equal(t, transports.Configuration, post(t.Context(), t, old, server.URL).Class)

	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	got = post(t.Context(), t, client, strings.Replace(plain.URL, "http:", "https:", 1))
	require.Equal(t, transports.Configuration, got.Class)
}

func TestFaultOf(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]classify.Fault{
		&net.DNSError{IsNotFound: true}:                              classify.FaultNoHost,
		&net.DNSError{IsTemporary: true}:                             classify.FaultResolve,
		&net.DNSError{IsTimeout: true}:                               classify.FaultResolve,
		&net.OpError{Op: "dial", Err: errors.New("refused")}:         classify.FaultLost,
		&url.Error{Op: "Post", Err: context.DeadlineExceeded}:        classify.FaultTimeout,
		io.ErrUnexpectedEOF:                                          classify.FaultLost,
		&tls.CertificateVerificationError{Err: errors.New("x")}:      classify.FaultCertificate,
		&net.OpError{Op: "remote error", Err: errors.New("tls: no")}: classify.FaultTLS,
		tls.RecordHeaderError{Msg: "no"}:                             classify.FaultTLS,
		errors.New("?"):                                              classify.FaultLost,
	} {
		require.Equal(t, want, classify.FaultOf(t.Context(), fmt.Errorf("send: %w", err)), "%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, classify.FaultCancelled, classify.FaultOf(ended, io.EOF))
	late, cancel := context.WithDeadline(t.Context(), time.Unix(1, 0))
	defer cancel()
	require.Equal(t, classify.FaultDeadline, classify.FaultOf(late, io.EOF))
}
