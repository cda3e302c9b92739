package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

const hooksYAML = `
database_url: ${SHOP_DATABASE_URL}
audiences:
  hooks: { endpoints: true }
  ops: { fixed: { email: ops@example.com } }
transports:
  email: { smtp: "${SHOP_SMTP}", from: "Shop <shop@example.com>" }
  webhook:
    encryption_keys: [AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=]
    allow_http: true
    allow: [127.0.0.0/8]
events:
  orders.created:
    sample: { order_number: A7 }
    channels: [{ transport: webhook, audience: hooks }]
  carillon.endpoint_disabled:
    sample: { endpoint_id: ep_1, url: "https://hooks.example.com", reason: gone }
    channels: [{ transport: email, audience: ops }]
    content: { subject: "{{ endpoint_id }} is disabled: {{ reason }}", message: "{{ url }}" }
`

// hookReceiver is a customer's server: it takes each webhook once.
type hookReceiver struct {
	mu     sync.Mutex
	keys   []signature.Key
	status int
	taken  []string
	forged int
}

func (r *hookReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	hook, err := signature.Receive(req, r.keys, nil)
	switch {
	case err != nil:
		r.forged++
		w.WriteHeader(http.StatusUnauthorized)
	case r.status != 0:
		w.WriteHeader(r.status)
	default:
		if !slices.Contains(r.taken, hook.ID) {
			r.taken = append(r.taken, hook.ID)
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (r *hookReceiver) set(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// key makes the receiver verify with what the command shows.
func (r *hookReceiver) key(t *testing.T, printed []byte) (address string) {
	t.Helper()
	var shown struct {
		Endpoint struct{ Address string }
		Key      transports.Secret
	}
	require.NoError(t, json.Unmarshal(printed, &shown))
	key, err := signature.ParseKey(shown.Key.Reveal())
	require.NoError(t, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, key)
	return shown.Endpoint.Address
}

// count is how many webhooks were taken, and how many were forged.
func (r *hookReceiver) count() (taken, forged int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.taken), r.forged
}

func TestWebhooksFromYAMLAlone(t *testing.T) {
	t.Parallel()
	sink, err := smtpsink.Start(nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sink.Close()) })
	s := &shop{dsn: dbtest.DSN(t), sink: sink, yaml: filepath.Join(t.TempDir(), "carillon.yaml")}
	require.NoError(t, os.WriteFile(s.yaml, []byte(hooksYAML), 0o600))
	receiver := &hookReceiver{}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)

	address := receiver.key(t, s.run(t, "endpoints", "add", server.URL+"/in", "--tenant", "acme", "--events", "orders.*", "--json"))
	stop := s.work(t)
	s.await(t, `SELECT count(*) = 2 FROM carillon.declarations`)
	emit := func(state string) {
		s.sql(t, `SELECT carillon.emit('orders.created', '{"order_number": "A7"}', '{"tenant": "acme"}')`)
		s.await(t, `SELECT count(*) = 1 FROM carillon.receipts r JOIN carillon.events e ON e.id = r.event_id
			WHERE e.id = (SELECT max(id::text)::uuid FROM carillon.events WHERE name = 'orders.created')
			  AND r.state || '(' || r.reason || ')' = '`+state+`'`)
	}
	emit("sent(accepted)")
	require.Contains(t, string(s.run(t, "endpoints", "test", address)), "answer 204")
	receiver.key(t, s.run(t, "endpoints", "rotate", address, "--json"))
	emit("sent(accepted)")
	taken, _ := receiver.count()
	require.Equal(t, 3, taken, "two events and a test")

	receiver.set(http.StatusGone)
	emit("failed(bad_address)")
	s.await(t, `SELECT state = 'disabled' AND reason = 'gone' FROM carillon.endpoints`)
	s.await(t, `SELECT count(*) = 1 FROM carillon.receipts WHERE transport = 'email' AND state = 'sent'`)
	emit("skipped(switched_off)")

	receiver.set(0)
	s.run(t, "endpoints", "enable", address)
	done := s.run(t, "endpoints", "replay", address, "--since", "1h", "--reason", "ticket 12", "--by", "ann", "--yes", "--json")
	var replayed operated
	require.NoError(t, json.Unmarshal(done, &replayed))
	require.Equal(t, 2, replayed.Changed, "what was sent is left alone")
	s.await(t, `SELECT count(*) = 4 FROM carillon.receipts WHERE transport = 'webhook' AND state = 'sent'`)
	log := stop()
	require.NotContains(t, log, "whsec_")
	require.Contains(t, log, "carillon.endpoint_disabled")
	taken, forged := receiver.count()
	require.Equal(t, 5, taken)
	require.Zero(t, forged)
	require.Len(t, sink.Messages(), 1)
}
