package nats_test

import (
	"encoding/json"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/broadcast"
	"github.com/carillon-notify/carillon/transports/broadcast/nats"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

const password = "nats-password-9f1"

// start runs a server of NATS in this process.
func start(tb testing.TB, jetStream bool) *server.Server {
	tb.Helper()
	return startAt(tb, server.RANDOM_PORT, jetStream)
}

func startAt(tb testing.TB, port int, jetStream bool) *server.Server {
	tb.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoLog: true, NoSigs: true, Username: "shop", Password: password,
		JetStream: jetStream, StoreDir: tb.TempDir(),
	})
	require.NoError(tb, err)
	s.Start()
	tb.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	require.True(tb, s.ReadyForConnections(10*time.Second))
	return s
}

func urlOf(s *server.Server) transports.Secret {
	return transports.Secret("nats://shop:" + password + "@" + s.Addr().String())
}

// provider listens to everything.
type provider struct {
	tb   testing.TB
	conn *client.Conn
	sub  *client.Subscription

	mu    sync.Mutex
	heard []transporttest.Delivery
}

func listen(tb testing.TB, s *server.Server) *provider {
	tb.Helper()
	conn, err := client.Connect(urlOf(s).Reveal())
	require.NoError(tb, err)
	tb.Cleanup(conn.Close)
	sub, err := conn.SubscribeSync("carillon.>")
	require.NoError(tb, err)
	require.NoError(tb, conn.Flush())
	return &provider{tb: tb, conn: conn, sub: sub}
}

func (p *provider) Deliveries() []transporttest.Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	require.NoError(p.tb, p.conn.Flush())
	for {
		m, err := p.sub.NextMsg(20 * time.Millisecond)
		if err != nil {
			return append([]transporttest.Delivery(nil), p.heard...)
		}
		var s broadcast.Signal
		require.NoError(p.tb, json.Unmarshal(m.Data, &s))
		p.heard = append(p.heard, transporttest.Delivery{
			Key: m.Header.Get(client.MsgIdHdr), Body: append([]byte(m.Subject+" "), m.Data...), Address: s.Topic,
		})
	}
}

func (p *provider) Tries() int             { return len(p.Deliveries()) }
func (p *provider) Behave(string)          {}
func (p *provider) Stall() <-chan struct{} { return nil }

func message(topic string) transports.Message {
	m := transporttest.NewMessage(transports.BroadcastSpec())
	m.Recipient = transports.Recipient{Address: topic}
	return m
}

// not parallel: the suite looks for goroutines that were left behind
func TestConforms(t *testing.T) {
	s := start(t, false)
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(tb testing.TB) (transports.Transport, transporttest.Provider) {
			transport, err := nats.New(&nats.Config{URL: urlOf(s)})
			require.NoError(tb, err)
			return transport, listen(tb, s)
		},
		MessageFunc: func() transports.Message { return message("orders/canary") },
		Secrets:     []string{password},
		Skip: map[string]string{
			"Classifies":      "the server has no behaviours; see TestWhatGoesWrong",
			"CancelledDuring": "the server cannot be made to stall; see TestWhatGoesWrong",
			"DeadlineDuring":  "the server cannot be made to stall; see TestWhatGoesWrong",
			"Options":         "the topic is an option, and decides where the signal goes; see TestSubjects",
			"NoGoroutineLeft": "a closed connection of NATS ends its goroutines a little later",
		},
	})
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	p := listen(t, s)
	transport, err := nats.New(&nats.Config{URL: urlOf(s)})
	require.NoError(t, err)
	defer func() { require.NoError(t, transport.Close(t.Context())) }()
	_, err = transport.Send(t.Context(), message("person/ann"))
	require.NoError(t, err)
	m := message("person/ann")
	m.Tenant = "acme"
	_, err = transport.Send(t.Context(), m)
	require.NoError(t, err)
	heard := p.Deliveries()
	require.Contains(t, string(heard[0].Body), "carillon.person.ann {")
	require.Contains(t, string(heard[1].Body), "carillon.acme.person.ann {")
	require.Equal(t, m.ReceiptID.String(), heard[1].Key)

	for _, topic := range []string{"a//b", "a.*", ">", "/a", "a/"} {
		_, err := transport.Send(t.Context(), message(topic))
		require.Equal(t, transports.Permanent, transports.Classify(err).Class, topic)
	}
	m.Tenant = "a.b"
	_, err = transport.Send(t.Context(), m)
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
}

func TestWhatGoesWrong(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]*nats.Config{
		"url": nil, "prefix": {URL: "nats://localhost", Prefix: "a b"}, "dial_timeout": {URL: "nats://localhost", DialTimeout: -1},
	} {
		_, err := nats.New(config)
		require.ErrorContains(t, err, "broadcast: nats "+name)
	}
	s := start(t, true)
	send := func(config nats.Config) transports.Class {
		transport, err := nats.New(&config)
		require.NoError(t, err)
		defer func() { require.NoError(t, transport.Close(t.Context())) }()
		_, err = transport.Send(t.Context(), message("t"))
		require.NotContains(t, err.Error(), "password")
		return transports.Classify(err).Class
	}
	require.Equal(t, transports.Configuration, send(nats.Config{URL: transports.Secret("nats://shop:wrong-password@" + s.Addr().String())}))
	require.Equal(t, transports.Transient, send(nats.Config{URL: "nats://127.0.0.1:1"}))
	require.Equal(t, transports.Configuration, send(nats.Config{URL: urlOf(s), JetStream: true}), "no stream")
}

// TestAStreamStoresASignalOnce sends one signal three times over a server that restarts in between.
func TestAStreamStoresASignalOnce(t *testing.T) {
	t.Parallel()
	s := start(t, true)
	conn, err := client.Connect(urlOf(s).Reveal())
	require.NoError(t, err)
	defer conn.Close()
	js, err := conn.JetStream()
	require.NoError(t, err)
	_, err = js.AddStream(&client.StreamConfig{Name: "signals", Subjects: []string{"carillon.>"}, Storage: client.MemoryStorage})
	require.NoError(t, err)
	transport, err := nats.New(&nats.Config{URL: urlOf(s), JetStream: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, transport.Close(t.Context())) }()
	m := message("t")
	for range 3 {
		_, err := transport.Send(t.Context(), m)
		require.NoError(t, err)
	}
	_, err = transport.Send(t.Context(), message("t"))
	require.NoError(t, err)
	info, err := js.StreamInfo("signals")
	require.NoError(t, err)
	require.EqualValues(t, 2, info.State.Msgs)
}

// TestABrokenConnectionIsReplaced sends, loses the server, and sends to the next one at the same address.
func TestABrokenConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	transport, err := nats.New(&nats.Config{URL: urlOf(s)})
	require.NoError(t, err)
	defer func() { require.NoError(t, transport.Close(t.Context())) }()
	_, err = transport.Send(t.Context(), message("t"))
	require.NoError(t, err)
	port := s.Addr().(*net.TCPAddr).Port
	s.Shutdown()
	s.WaitForShutdown()
	_, err = transport.Send(t.Context(), message("t"))
	require.Contains(t, []transports.Class{transports.Transient, transports.Unknown}, transports.Classify(err).Class)

	p := listen(t, startAt(t, port, false))
	require.Eventually(t, func() bool {
		_, err := transport.Send(t.Context(), message("t"))
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	require.NotEmpty(t, p.Deliveries())
}
