package egress_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/carillon-notify/carillon/internal/egress"
)

// patience decides nothing in a test that passes.
const patience = 10 * time.Second

// canary listens on every address of this machine and counts who comes.
type canary struct {
	port        uint16
	connections atomic.Int32
	bytes       atomic.Int64
}

func startCanary(t *testing.T) *canary {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", ":0")
	require.NoError(t, err)
	c := &canary{port: netip.MustParseAddrPort(listener.Addr().String()).Port()}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.connections.Add(1)
			running.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		running.Wait()
	})
	return c
}

func (c *canary) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	buffer := make([]byte, 4096)
	n, _ := conn.Read(buffer)
	c.bytes.Add(int64(n))
	_, _ = conn.Write([]byte("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"))
}

func (c *canary) at(host string) string {
	return "http://" + net.JoinHostPort(host, strconv.Itoa(int(c.port))) + "/hook"
}

// zone is what a name server answers: one list of addresses per question, the last one for good.
type zone map[string][][]string

// startDNS runs a name server for names below "test." and returns a resolver that asks nobody else. A record that is
// no address is a CNAME.
func startDNS(t *testing.T, records zone) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	require.NoError(t, err)
	var asked sync.Map
	done := make(chan struct{})
	go func() {
		defer close(done)
		packet := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(records.answer(packet[:n], &asked), from)
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (z zone) answer(packet []byte, asked *sync.Map) []byte {
	var question dnsmessage.Message
	if question.Unpack(packet) != nil || len(question.Questions) != 1 {
		return nil
	}
	q := question.Questions[0]
	reply := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: question.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: question.Questions,
	}
	counter, _ := asked.LoadOrStore(q.Name.String()+q.Type.String(), new(atomic.Int32))
	turn := int(counter.(*atomic.Int32).Add(1)) - 1
	z.add(&reply, q.Name, q.Type, turn)
	if len(reply.Answers) == 0 && z[strings.TrimSuffix(q.Name.String(), ".")] == nil {
		reply.RCode = dnsmessage.RCodeNameError
	}
	packed, err := reply.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func (z zone) add(reply *dnsmessage.Message, name dnsmessage.Name, kind dnsmessage.Type, turn int) {
	answers := z[strings.TrimSuffix(name.String(), ".")]
	if len(answers) == 0 {
		return
	}
	head := dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: 0}
	for _, record := range answers[min(turn, len(answers)-1)] {
		addr, err := netip.ParseAddr(record)
		switch {
		case err != nil:
			target := dnsmessage.MustNewName(record + ".")
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.CNAMEResource{CNAME: target}})
			z.add(reply, target, kind, 0)
		case addr.Is4() && kind == dnsmessage.TypeA:
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: addr.As4()}})
		case addr.Is6() && kind == dnsmessage.TypeAAAA:
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
		}
	}
}

// newClient makes a client whose connections are all closed when the test ends.
func newClient(t *testing.T, cfg *egress.Config) *egress.Client {
	t.Helper()
	client, err := egress.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close(context.Background())) })
	return client
}

// post sends a small body and returns the answer.
func post(t *testing.T, client *egress.Client, url string) (*egress.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"a":1}`))
	require.NoError(t, err)
	return client.Do(req)
}

// refused requires that a rule refused.
func refused(t *testing.T, err error, rule string) {
	t.Helper()
	var e *egress.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, egress.PhasePolicy, e.Phase, "%v", err)
	require.Equal(t, rule, e.Rule, "%v", err)
	require.False(t, e.Written)
}

func ranges(all ...string) []netip.Prefix {
	var parsed []netip.Prefix
	for _, one := range all {
		parsed = append(parsed, netip.MustParsePrefix(one))
	}
	return parsed
}

// quiet is a logger for servers whose complaints are the point of a test.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
