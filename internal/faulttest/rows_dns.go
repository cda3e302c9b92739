package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// dnsRows give wrong answers to who asks where the mail server is.
func dnsRows() []*row {
	return []*row{{
		id: "F-47", what: "NXDOMAIN, SERVFAIL, silence, and an address that changes with every question", absent: noResolver,
		size: fixed("4 faults, 20 mails each"), run: lostNames,
	}}
}

// nameServer is where the workers of these rows ask.
const nameServer = "127.0.0.53:53"

// noResolver tells why workers cannot be given a name server of ours.
func noResolver(ctx context.Context) string {
	if os.Getuid() != 0 {
		return "a name server of one's own needs root"
	}
	if exec.CommandContext(ctx, "unshare", "-m", "true").Run() != nil {
		return "this machine makes no mount namespaces"
	}
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", nameServer)
	if err != nil {
		return "port 53 is taken"
	}
	_ = conn.Close()
	return ""
}

// resolver is a name server that knows one address.
type resolver struct {
	conn  net.PacketConn
	mode  atomic.Value // a string
	asked atomic.Int64
}

// The ways of a resolver.
const (
	dnsGood     = "good"
	dnsNone     = "NXDOMAIN"
	dnsBroken   = "SERVFAIL"
	dnsSilent   = "silence"
	dnsChanging = "changing"
)

func newResolver(ctx context.Context) (*resolver, error) {
	conn, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", nameServer)
	if err != nil {
		return nil, err
	}
	r := &resolver{conn: conn}
	r.mode.Store(dnsGood)
	go r.serve()
	return r, nil
}

func (r *resolver) serve() {
	buffer := make([]byte, 1500)
	for {
		n, from, err := r.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		answer, err := r.answer(buffer[:n])
		if err == nil && answer != nil {
			_, _ = r.conn.WriteTo(answer, from)
		}
	}
}

// answer is nil for silence.
func (r *resolver) answer(raw []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(raw); err != nil || len(m.Questions) == 0 {
		return nil, err
	}
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	q := m.Questions[0]
	address := [4]byte{127, 0, 0, 1}
	switch r.mode.Load() {
	case dnsSilent:
		return nil, nil
	case dnsNone:
		m.RCode = dnsmessage.RCodeNameError
		return m.Pack()
	case dnsBroken:
		m.RCode = dnsmessage.RCodeServerFailure
		return m.Pack()
	case dnsChanging:
		if q.Type == dnsmessage.TypeA && r.asked.Add(1)%2 == 1 {
			address[3] = 2 // Where nobody listens.
		}
	}
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1},
			Body:   &dnsmessage.AResource{A: address},
		}}
	}
	return m.Pack()
}

// lostNames lets a worker, which has its own idea of where to ask, look for its server in each of the ways.
func lostNames(ctx context.Context, a *arena) error {
	r, err := newResolver(ctx)
	if err != nil {
		return err
	}
	a.cleanup = append(a.cleanup, func() { _ = r.conn.Close() })
	host, _, _ := net.SplitHostPort(nameServer)
	config := filepath.Join(a.dir, "resolv.conf")
	if err := os.WriteFile(config, []byte("nameserver "+host+"\n"), 0o644); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(a.mail.addr)
	w, err := a.worker(ctx, workerOpts{
		name: "w1", smtp: "mail.faults.test:" + port, query: "?tls=off", env: []string{"GODEBUG=netdns=go"},
		wrap: []string{"unshare", "-m", "sh", "-c", `mount --bind "$1" /etc/resolv.conf && shift && exec "$@"`, "sh", config},
	})
	if err != nil {
		return err
	}
	limits := map[string]float64{dnsNone: 6, dnsBroken: 6, dnsSilent: 6, dnsChanging: 6}
	for i, mode := range []string{dnsNone, dnsBroken, dnsSilent, dnsChanging} {
		r.mode.Store(mode)
		if _, err := a.mail.do(sink.Command{Cut: true}); err != nil {
			return err
		}
		begun := time.Now()
		if err := a.emit(ctx, emitting{action: actCreate, prefix: fmt.Sprintf("dns%d", i), n: 20}); err != nil {
			return err
		}
		if mode != dnsChanging {
			if err := a.failures(ctx, begun, 5); err != nil {
				return err
			}
			r.mode.Store(dnsGood)
		}
		a.faultEnd = time.Now()
		// What waits for a breaker need not wait here.
		if err := a.passTime(ctx, 10*time.Minute, everyone); err != nil {
			return err
		}
		if err := a.settle(ctx, 2*time.Minute); err != nil {
			return err
		}
		var slowest float64
		var classes string
		if err := a.pool.QueryRow(ctx, sqlFailures, begun).Scan(&slowest, &classes); err != nil {
			return err
		}
		a.require(slowest <= limits[mode], "%s held a sender for %.1f s", mode, slowest)
		a.require(classes == "transient" || mode == dnsChanging && classes == "", "%s is %q", mode, classes)
		a.fact("%s: %s, sender free after %.1f s", mode, classes, slowest)
	}
	a.require(!w.ended(), "the worker ended: %v", w.err)
	return nil
}

// failures waits for failed attempts.
func (a *arena) failures(ctx context.Context, since time.Time, n int) error {
	return until(ctx, "attempts fail", time.Minute, func() (bool, error) {
		var failed int
		err := a.pool.QueryRow(ctx, sqlCountFailures, since).Scan(&failed)
		return failed >= n, err
	})
}
