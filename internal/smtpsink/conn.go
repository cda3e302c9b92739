package smtpsink

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// conn is the server's end of one TCP connection. It counts itself, intercepts the greeting, and can be told to close
// after its next write.
type conn struct {
	net.Conn
	server *Server
	number int

	mu         sync.Mutex
	greeted    bool
	closeAfter bool
	early      []byte // what the client sent while it was being watched

	closeOnce sync.Once
	gone      chan struct{} // closed when the connection is
}

// Read hands out first what watch came upon.
func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if len(c.early) > 0 {
		n := copy(p, c.early)
		c.early = c.early[n:]
		c.mu.Unlock()
		return n, nil
	}
	c.mu.Unlock()
	return c.Conn.Read(p)
}

// watch closes the connection as soon as the client does, although nobody reads from it, until stop is called.
func (c *conn) watch() (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b [512]byte
		for {
			n, err := c.Conn.Read(b[:])
			c.mu.Lock()
			c.early = append(c.early, b[:n]...)
			c.mu.Unlock()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return
			}
			if err != nil {
				_ = c.Close()
				return
			}
		}
	}()
	return func() {
		_ = c.SetReadDeadline(time.Unix(1, 0))
		<-done
		_ = c.SetReadDeadline(time.Time{})
	}
}

// Write asks ConnectFunc before the very first write, which is the greeting or, over implicit TLS, the handshake.
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	first := !c.greeted
	c.greeted = true
	c.mu.Unlock()
	if first && !c.greet() {
		return 0, net.ErrClosed
	}

	n, err := c.Conn.Write(p)

	c.mu.Lock()
	last := c.closeAfter
	c.mu.Unlock()
	if last {
		_ = c.Close()
	}
	return n, err
}

// Close is idempotent.
func (c *conn) Close() error {
	err := error(nil)
	c.closeOnce.Do(func() {
		err = c.Conn.Close()
		close(c.gone)
		c.server.closed(c)
	})
	return err
}

// greet reports whether the server's own greeting may go out.
func (c *conn) greet() bool {
	f := c.server.cfg.ConnectFunc
	if f == nil {
		return true
	}
	a := f(Session{Connection: c.number, TLS: c.server.cfg.TLS == ImplicitTLS})
	c.server.hold(a, c, false)
	switch {
	case a.Cut == CutSilently || a.Cut == CutKeeping || a.Code != 0 && c.server.cfg.TLS == ImplicitTLS:
		_ = c.Close()
		return false
	case a.Code != 0:
		reply := fmt.Sprintf("%d %s", a.Code, strings.TrimSpace(a.Enhanced+" "+a.Text))
		_, _ = c.Conn.Write([]byte(reply + "\r\n"))
		_ = c.Close()
		return false
	case a.Cut == CutAfterReply:
		c.closeAfterReply()
	}
	return true
}

func (c *conn) closeAfterReply() {
	c.mu.Lock()
	c.closeAfter = true
	c.mu.Unlock()
}

// underlying finds our conn below the TLS that may lie over it.
func underlying(nc net.Conn) *conn {
	if t, ok := nc.(*tls.Conn); ok {
		nc = t.NetConn()
	}
	return nc.(*conn)
}

// listener hands out our conns.
type listener struct {
	net.Listener
	server *Server
}

// Accept waits for a connection and counts it.
func (l *listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.server.opened(nc), nil
}
