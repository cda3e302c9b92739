package netproxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Faults are what a proxy does to the traffic. The zero value does nothing. They are read anew for every piece of data.
type Faults struct {
	// Refuse closes new connections at once.
	Refuse bool
	// Hang accepts new connections and connects them to nothing.
	Hang bool
	// DropReplies throws away what the server sends: the client waits.
	DropReplies bool
	// DropRequests throws away what the client sends.
	DropRequests bool
	// Delay holds back every piece of data, in both directions.
	Delay time.Duration
	// Rate is how many bytes a second pass in each direction of a connection; 0 is no limit.
	Rate int
	// CutOn closes a connection when the client sends this text. The server gets the text, and what it answers is lost;
	// with CutBefore the server does not even get the text.
	CutOn     string
	CutBefore bool
}

// Proxy forwards connections to one address. It is safe for concurrent use.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup
	done     chan struct{}

	mu     sync.Mutex
	faults Faults
	cuts   int
	conns  map[net.Conn]bool
}

// New listens on a free port of the loopback interface, until [Proxy.Close].
func New(target string) (*Proxy, error) { return NewAt("127.0.0.1:0", target) }

// NewAt is [New] at an address of one's choice.
func NewAt(addr, target string) (*Proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p := &Proxy{target: target, listener: listener, done: make(chan struct{}), conns: map[net.Conn]bool{}}
	p.running.Go(p.accept)
	return p, nil
}

// Addr is host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set replaces the faults.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
}

// Cuts counts the connections that [Faults.CutOn] has closed.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// Cut closes every connection, both sides.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// Close ends the proxy and all its connections.
func (p *Proxy) Close() error {
	close(p.done)
	err := p.listener.Close()
	p.Cut()
	p.running.Wait()
	return err
}

func (p *Proxy) current() Faults {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.forward(client) })
	}
}

func (p *Proxy) forward(client net.Conn) {
	defer p.forget(client)
	if !p.keep(client) {
		return
	}
	f := p.current()
	if f.Refuse {
		return
	}
	if f.Hang {
		_, _ = io.Copy(io.Discard, client)
		return
	}
	server, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		return
	}
	defer p.forget(server)
	if !p.keep(server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client, true) })
	both.Go(func() { p.copy(client, server, false) })
	both.Wait()
}

// copy passes data on until either side ends, and then ends both.
func (p *Proxy) copy(to, from net.Conn, request bool) {
	defer func() {
		_ = to.Close()
		_ = from.Close()
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.pass(to, from, buffer[:n], request) {
			return
		}
		if err != nil {
			return
		}
	}
}

// pass writes one piece of data as the faults say, and reports whether to go on.
func (p *Proxy) pass(to, from net.Conn, data []byte, request bool) bool {
	f := p.current()
	if !p.wait(f.Delay) {
		return false
	}
	if request && f.DropRequests || !request && f.DropReplies {
		return true
	}
	cut := request && f.CutOn != "" && bytes.Contains(data, []byte(f.CutOn))
	if cut {
		// Nothing of the answer may come through, so this side ends before the server has the question.
		_ = from.Close()
		p.mu.Lock()
		p.cuts++
		p.mu.Unlock()
	}
	if cut && f.CutBefore {
		return false
	}
	if f.Rate <= 0 {
		_, err := to.Write(data)
		if cut && err == nil {
			// The server must find a client that is there while it reads, or it may drop what it has read.
			p.wait(50 * time.Millisecond)
		}
		return err == nil && !cut
	}
	for _, one := range data {
		if !p.wait(time.Second / time.Duration(f.Rate)) {
			return false
		}
		if _, err := to.Write([]byte{one}); err != nil {
			return false
		}
	}
	return true
}

func (p *Proxy) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.done:
		return false
	}
}

func (p *Proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.done:
		return false
	default:
	}
	p.conns[conn] = true
	return true
}

func (p *Proxy) forget(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}
