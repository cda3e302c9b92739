package egress_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/carillon-notify/carillon/internal/egress"
)

// local allows this machine only.
var local = egress.Policy{AllowHTTP: true, Allow: ranges("127.0.0.0/8", "::1/128")}

// quick has limits that a test can wait for, and that a busy machine keeps.
func quick() *egress.Config {
	return &egress.Config{
		Policy: local, ConnectTimeout: 2 * time.Second, TLSTimeout: 2 * time.Second,
		AnswerTimeout: 2 * time.Second, BodyTimeout: 2 * time.Second,
	}
}

// raw runs a server that answers each connection with what f writes, after it has read the request.
func raw(t *testing.T, f func(conn net.Conn)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(patience))
				f(conn)
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		running.Wait()
	})
	return "http://" + listener.Addr().String() + "/T0/hunter2?token=hunter3"
}

// take reads the request whole.
func take(conn net.Conn) {
	var got []byte
	buffer := make([]byte, 1024)
	for !bytes.Contains(got, []byte(`{"a":1}`)) {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		got = append(got, buffer[:n]...)
	}
}

// until writes the same again until the client has had enough.
func until(conn net.Conn, text string) {
	for {
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
	}
}

func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	packer := gzip.NewWriter(&bomb)
	_, err := packer.Write(make([]byte, 8<<20))
	require.NoError(t, err)
	require.NoError(t, packer.Close())
	for _, c := range []struct {
		name    string
		serve   func(conn net.Conn)
		status  int // 0 if there must be no answer
		written bool
		body    int // at most
		partial bool
		phase   egress.Phase
	}{
		{"AnEndlessHead", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			until(c, "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")
		}, 0, true, 0, false, egress.PhaseRead},
		{"EndlessInterimAnswers", func(c net.Conn) { until(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") }, 0, true, 0, false, egress.PhaseRead},
		{"AnEndlessBody", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
			until(c, strings.Repeat("a", 4096))
		}, 200, true, 64 << 10, true, ""},
		{"EndlessChunks", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			until(c, "4\r\naaaa\r\n")
		}, 200, true, 64 << 10, true, ""},
		{"ABodyThatNeverEnds", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 500 No\r\nContent-Length: 10\r\n\r\nabc")
			_, _ = c.Read(make([]byte, 1))
		}, 500, true, 3, true, ""},
		{"ABodyThatIsCutOff", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
		}, 200, true, 3, true, ""},
		{"AGzipBomb", func(c net.Conn) {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", bomb.Len())
			_, _ = c.Write(bomb.Bytes())
		}, 200, true, bomb.Len(), false, ""},
		{"Silence", func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }, 0, true, 0, false, egress.PhaseRead},
		{"ACutBeforeTheAnswer", func(net.Conn) {}, 0, true, 0, false, egress.PhaseRead},
		{"AReset", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, 0, true, 0, false, egress.PhaseRead},
		{"NotHTTP", func(c net.Conn) { _, _ = io.WriteString(c, "220 mail.example.com ESMTP hunter2\r\n") }, 0, true, 0, false, egress.PhaseRead},
		{"AStatusThatIsNone", func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 2x0 OK\r\n\r\n") }, 0, true, 0, false, egress.PhaseRead},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := raw(t, func(conn net.Conn) {
				take(conn)
				c.serve(conn)
			})
			client := newClient(t, quick())
			answer, err := post(t, client, url)
			if c.status != 0 {
				require.NoError(t, err)
				require.Equal(t, c.status, answer.Status)
				require.LessOrEqual(t, len(answer.Body), c.body)
				require.Equal(t, c.partial, answer.Partial)
				return
			}
			var e *egress.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.phase, e.Phase, "%v", e)
			require.Equal(t, c.written, e.Written)
			silent(t, err)
		})
	}
}

// silent requires that an error gives nothing of the URL away.
func silent(t *testing.T, err error) {
	t.Helper()
	require.NotContains(t, err.Error(), "hunter")
	require.NotContains(t, err.Error(), "T0")
	require.LessOrEqual(t, len(err.Error()), 1200)
}

func TestFailuresBeforeTheRequestIsWritten(t *testing.T) {
	t.Parallel()
	nobody, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, nobody.Close())
	deaf := raw(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	plain := raw(t, func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = quiet()
	stranger.StartTLS()
	t.Cleanup(stranger.Close)
	for _, c := range []struct {
		name  string
		url   string
		phase egress.Phase
		words string
	}{
		{"Refused", "http://" + nobody.Addr().String() + "/T0/hunter2", egress.PhaseConnect, "connection refused"},
		{"NoName", "http://nobody.test/T0/hunter2", egress.PhaseDNS, "no such host"},
		{"NoHandshake", strings.Replace(deaf, "http:", "https:", 1), egress.PhaseTLS, "timed out"},
		{"NoTLS", strings.Replace(plain, "http:", "https:", 1), egress.PhaseTLS, "does not speak TLS"},
		{"AStrangersCertificate", stranger.URL + "/T0/hunter2", egress.PhaseTLS, "signed by nobody we trust"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := quick()
			cfg.Resolver = startDNS(t, zone{"other.test": {{"127.0.0.1"}}})
			_, err := post(t, newClient(t, cfg), c.url)
			var e *egress.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, c.phase, e.Phase, "%v", e)
			require.Contains(t, e.Detail, c.words)
			require.False(t, e.Written)
			silent(t, err)
		})
	}
}

func TestTheEndOfTheContextEndsTheRequest(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	url := raw(t, func(conn net.Conn) {
		take(conn)
		close(arrived)
		_, _ = conn.Read(make([]byte, 1))
	})
	client := newClient(t, &egress.Config{Policy: local})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"a":1}`))
	require.NoError(t, err)
	go func() {
		<-arrived
		cancel()
	}()
	_, err = client.Do(req)
	require.ErrorIs(t, err, context.Canceled)
	var e *egress.Error
	require.ErrorAs(t, err, &e)
	require.True(t, e.Written)
	silent(t, err)
}

func TestAContextThatHasEnded(t *testing.T) {
	t.Parallel()
	c := startCanary(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.at("127.0.0.1"), http.NoBody)
	require.NoError(t, err)
	_, err = newClient(t, &egress.Config{Policy: local}).Do(req)
	var e *egress.Error
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, egress.PhaseStart, e.Phase, "it is not the policy that refused")
	require.False(t, e.Written)
	require.Zero(t, c.connections.Load())
}

func TestHTTP2AndKeptConnections(t *testing.T) {
	t.Parallel()
	var addresses sync.Map
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addresses.Store(r.RemoteAddr, r.Proto)
		_, _ = io.WriteString(w, r.Proto)
	})
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := newClient(t, &egress.Config{Policy: local, RootCAs: roots})
	for range 5 {
		answer, err := post(t, client, server.URL)
		require.NoError(t, err)
		require.Equal(t, "HTTP/2.0", string(answer.Body))
	}
	count := 0
	addresses.Range(func(any, any) bool { count++; return true })
	require.Equal(t, 1, count, "one connection served all")
}

func TestIdleConnectionsEqualConcurrency(t *testing.T) {
	t.Parallel()
	const n = 8
	var mu sync.Mutex
	opened := 0
	var together sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		together.Done()
		together.Wait()
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			mu.Lock()
			opened++
			mu.Unlock()
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newClient(t, &egress.Config{Policy: local, Concurrency: n})
	for range 3 {
		together.Add(n)
		var round sync.WaitGroup
		for range n {
			round.Go(func() {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, http.NoBody)
				if err == nil {
					_, err = client.Do(req)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		round.Wait()
	}
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, n, opened, "later rounds open nothing new")
}

func TestTheClientForSDKs(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := 64 << 10
		if r.URL.Path == "/long" {
			n++
		}
		_, _ = w.Write(make([]byte, n))
	}))
	t.Cleanup(server.Close)
	client := newClient(t, &egress.Config{Policy: local, Secrets: []string{"xoxb-secret"}})
	get := func(url string) ([]byte, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		res, err := client.HTTPClient().Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		return io.ReadAll(res.Body)
	}
	body, err := get(server.URL)
	require.NoError(t, err)
	require.Len(t, body, 64<<10)
	_, err = get(server.URL + "/long")
	require.ErrorIs(t, err, egress.ErrBodyTooLarge)

	_, err = get("http://10.0.0.1/T0/hunter2")
	require.Contains(t, err.Error(), "hunter2", "net/http prints URLs")
	refused(t, client.Wrap(err), egress.RuleLiteral)
	silent(t, client.Wrap(err))
	require.Equal(t, "start: bad [redacted] for https://h",
		client.Wrap(errors.New("bad xoxb-secret for https://h/p?q")).Error())
}

func TestScrub(t *testing.T) {
	t.Parallel()
	require.Equal(t, "GET https://h.example failed", egress.Scrub("GET https://u:p@h.example/a/b?c=d failed"))
	require.Equal(t, "a [redacted] b [redacted]", egress.Scrub("a secret-long b secret", "secret", "secret-long"))
	require.Equal(t, "a  b", egress.Scrub("a\r\nb\x00"))
	require.Equal(t, "keep / and x", egress.Scrub("keep / and x", "/", "", "x"))
	long := egress.Scrub(strings.Repeat("ä", 5000))
	require.LessOrEqual(t, len(long), 1024)
	require.True(t, strings.HasSuffix(long, "ä…"))
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := egress.New(&egress.Config{Timeout: -1})
	require.ErrorContains(t, err, "Config.Timeout")
	_, err = egress.New(&egress.Config{Proxy: "socks5://x:hunter2@y"})
	require.ErrorContains(t, err, "Config.Proxy")
	require.NotContains(t, err.Error(), "hunter2")
	_, err = egress.New(nil)
	require.NoError(t, err)
}

// not parallel: it looks for goroutines that were left behind.
func TestNothingIsLeftBehind(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("Exercise", func(t *testing.T) {
		url := raw(t, func(conn net.Conn) {
			take(conn)
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			until(conn, "4\r\naaaa\r\n")
		})
		client := newClient(t, quick())
		for range 3 {
			_, err := post(t, client, url)
			require.NoError(t, err)
		}
	})
	goleak.VerifyNone(t, before)
}
