package netproxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/faulttest/netproxy"
)

// echo answers each line with itself, and remembers it.
type echo struct {
	mu   sync.Mutex
	got  []string
	addr string
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	e := &echo{addr: listener.Addr().String()}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go e.serve(conn)
		}
	}()
	return e
}

func (e *echo) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		e.mu.Lock()
		e.got = append(e.got, lines.Text())
		e.mu.Unlock()
		if _, err := io.WriteString(conn, lines.Text()+"\n"); err != nil {
			return
		}
	}
}

func (e *echo) heard(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Contains(strings.Join(e.got, "\n"), text)
}

func setup(t *testing.T) (*echo, *netproxy.Proxy, net.Conn) {
	t.Helper()
	e := newEcho(t)
	p, err := netproxy.New(e.addr)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return e, p, dial(t, p)
}

func dial(t *testing.T, p *netproxy.Proxy) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask sends a line and waits that long for the answer.
func ask(conn net.Conn, line string, patience time.Duration) (string, error) {
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", err
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	return bufio.NewReader(conn).ReadString('\n')
}

func TestWithoutFaultsAllPasses(t *testing.T) {
	t.Parallel()
	_, _, conn := setup(t)
	answer, err := ask(conn, "hello", 5*time.Second)
	require.NoError(t, err)
	require.Equal(t, "hello\n", answer)
}

func TestCutBreaksWhatIsOpenAndRefuseWhatComes(t *testing.T) {
	t.Parallel()
	_, p, conn := setup(t)
	_, err := ask(conn, "hello", 5*time.Second)
	require.NoError(t, err)
	p.Cut()
	_, err = ask(conn, "hello", 5*time.Second)
	require.Error(t, err)
	require.False(t, errors.Is(err, os.ErrDeadlineExceeded))
	p.Set(netproxy.Faults{Refuse: true})
	_, err = ask(dial(t, p), "hello", 5*time.Second)
	require.Error(t, err)
	p.Set(netproxy.Faults{})
	_, err = ask(dial(t, p), "hello", 5*time.Second)
	require.NoError(t, err)
}

func TestSilenceIsNoError(t *testing.T) {
	t.Parallel()
	e, p, conn := setup(t)
	p.Set(netproxy.Faults{DropReplies: true})
	_, err := ask(conn, "one", 200*time.Millisecond)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.True(t, e.heard("one"))
	p.Set(netproxy.Faults{DropRequests: true})
	_, err = ask(conn, "two", 200*time.Millisecond)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.False(t, e.heard("two"))
	p.Set(netproxy.Faults{Hang: true})
	_, err = ask(dial(t, p), "three", 200*time.Millisecond)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.False(t, e.heard("three"))
}

func TestDelayAndRateSlowDown(t *testing.T) {
	t.Parallel()
	_, p, conn := setup(t)
	p.Set(netproxy.Faults{Delay: 60 * time.Millisecond})
	begun := time.Now()
	_, err := ask(conn, "hello", 5*time.Second)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begun), 120*time.Millisecond)
	p.Set(netproxy.Faults{Rate: 100})
	begun = time.Now()
	answer, err := ask(conn, "hello", 5*time.Second)
	require.NoError(t, err)
	require.Equal(t, "hello\n", answer)
	require.GreaterOrEqual(t, time.Since(begun), 60*time.Millisecond)
}

func TestCutOnDeliversTheTextAndNoAnswer(t *testing.T) {
	t.Parallel()
	e, p, conn := setup(t)
	p.Set(netproxy.Faults{CutOn: "commit"})
	_, err := ask(conn, "begin", 5*time.Second)
	require.NoError(t, err)
	answer, err := ask(conn, "commit", 5*time.Second)
	require.Error(t, err)
	require.Empty(t, answer)
	require.Eventually(t, func() bool { return e.heard("commit") }, 5*time.Second, time.Millisecond)
	require.Equal(t, 1, p.Cuts())
	p.Set(netproxy.Faults{CutOn: "rollback", CutBefore: true})
	_, err = ask(dial(t, p), "rollback", 5*time.Second)
	require.Error(t, err)
	p.Set(netproxy.Faults{})
	_, err = ask(dial(t, p), "later", 5*time.Second)
	require.NoError(t, err)
	require.False(t, e.heard("rollback"))
}
