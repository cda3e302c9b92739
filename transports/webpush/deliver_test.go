package webpush_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/pushsink"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webpush"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

type order struct {
	ID   string `json:"id"`
	User string `json:"user"`
}

// service is a push service whose devices answer as told.
type service struct {
	*pushsink.Server
	mu      sync.Mutex
	answers map[string]*pushsink.Answer
}

func (s *service) answer(device string, a *pushsink.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[device] = a
}

// got counts what each device was shown.
func (s *service) got() map[string]int {
	counts := map[string]int{}
	for _, m := range s.Messages() {
		counts[m.Device]++
	}
	return counts
}

type bundle struct {
	*dispatchtest.Kit
	tx         pgx.Tx
	dispatcher *dispatch.Dispatcher
	orders     *dispatch.Handle[order]
	store      *subscriptions.Store
	service    *service
	key        string
}

func setup(t *testing.T, on transports.OnUnknown) *bundle {
	t.Helper()
	orders := dispatch.Resource[order]{
		Name: "orders", KeyFunc: func(o order) string { return o.ID },
		Audiences: map[string]dispatch.Audience{"user": dispatch.Person(func(o order) string { return o.User })},
		Events: []dispatch.Event[order]{{
			Name: "created", Channels: []dispatch.Channel{{Transport: transports.WebPush, Audience: "user", OnUnknown: on}},
			Content: dispatch.Content{Title: "Order {{ id }}", Message: "It is on its way."},
		}},
	}
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{orders}})
	require.NoError(t, err)
	transport := newTransport(t, local())
	s := &service{answers: map[string]*pushsink.Answer{}}
	s.Server, err = pushsink.Start(&pushsink.Config{AnswerFunc: func(m pushsink.Message) *pushsink.Answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.answers[m.Device]
	}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	tx, err := dbtest.Pool(t).Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return &bundle{
		Kit: dispatchtest.New(t, tx, d, transport), tx: tx, dispatcher: d, orders: dispatch.For(d, orders),
		store: transport.Subscriptions(), service: s, key: transport.PublicKey(),
	}
}

func (b *bundle) subscribe(t *testing.T, tenant, person string, devices ...string) {
	t.Helper()
	for _, device := range devices {
		subscribed, err := b.service.Subscribe(b.service.URL(), device, b.key)
		require.NoError(t, err)
		p, err := subscriptions.Parse(subscribed.JSON())
		require.NoError(t, err)
		p.Tenant, p.Person, p.Device = tenant, person, device
		_, err = b.store.Add(t.Context(), b.tx, p)
		require.NoError(t, err)
	}
}

func (b *bundle) emit(t *testing.T, tenant, person string) uuid.UUID {
	t.Helper()
	emitted, err := b.orders.EmitTx(t.Context(), b.tx, "created", order{ID: "A7", User: person}, &dispatch.EmitOpts{Tenant: tenant})
	require.NoError(t, err)
	b.Deliver()
	return emitted.EventID
}

func (b *bundle) receipt(t *testing.T, event uuid.UUID) receipts.Receipt {
	t.Helper()
	all := b.Receipts(event)
	require.Len(t, all, 1, "a person's devices are one receipt")
	return all[0]
}

func (b *bundle) state(t *testing.T, event uuid.UUID) string {
	t.Helper()
	r := b.receipt(t, event)
	return string(r.State) + "(" + string(r.Reason) + ")"
}

// devices are the outcomes that are stored.
func (b *bundle) devices(t *testing.T, event uuid.UUID) map[string]subscriptions.Outcome {
	t.Helper()
	found, err := b.store.Deliveries(t.Context(), b.tx, b.receipt(t, event).ID)
	require.NoError(t, err)
	outcomes := map[string]subscriptions.Outcome{}
	for _, d := range found {
		require.Equal(t, b.service.URL(), d.Host)
		outcomes[d.Device] = d.Outcome
	}
	return outcomes
}

func (b *bundle) subscribed(t *testing.T, person string) map[string]subscriptions.State {
	t.Helper()
	found, err := b.store.List(t.Context(), b.tx, &subscriptions.ListOpts{Person: person})
	require.NoError(t, err)
	states := map[string]subscriptions.State{}
	for _, s := range found {
		states[s.Device] = s.State
	}
	return states
}

func TestAllDevicesOfThePersonGetIt(t *testing.T) {
	t.Parallel()
	b := setup(t, "")
	b.subscribe(t, "acme", "ann", "laptop", "phone")
	b.subscribe(t, "acme", "bob", "bobs")
	b.subscribe(t, "other", "ann", "stranger")
	event := b.emit(t, "acme", "ann")
	require.Equal(t, "sent(accepted)", b.state(t, event))
	require.Equal(t, map[string]int{"laptop": 1, "phone": 1}, b.service.got())
	require.Equal(t, map[string]subscriptions.Outcome{"laptop": subscriptions.Accepted, "phone": subscriptions.Accepted}, b.devices(t, event))
	found, err := b.store.List(t.Context(), b.tx, &subscriptions.ListOpts{Person: "ann"})
	require.NoError(t, err)
	for _, s := range found {
		require.Equal(t, s.Tenant == "acme", s.LastOKAt != nil, s.Device)
	}
	require.Equal(t, "skipped(no_address)", b.state(t, b.emit(t, "acme", "nobody")))
	require.Equal(t, "skipped(no_address)", b.state(t, b.emit(t, "", "bob")), "another tenant's bob")
}

// TestARetryLeavesOutWhoHasIt is the point of keeping what became of each device.
func TestARetryLeavesOutWhoHasIt(t *testing.T) {
	t.Parallel()
	b := setup(t, "")
	b.subscribe(t, "", "ann", "laptop", "phone", "dead", "picky")
	b.service.answer("phone", pushsink.Refuse(http.StatusServiceUnavailable))
	b.service.answer("picky", pushsink.Refuse(http.StatusBadRequest))
	b.service.Unsubscribe("dead")
	event := b.emit(t, "", "ann")
	require.Equal(t, "waiting(retry)", b.state(t, event))
	require.Equal(t, map[string]subscriptions.Outcome{
		"laptop": subscriptions.Accepted, "phone": subscriptions.Failed, "dead": subscriptions.Gone, "picky": subscriptions.Rejected,
	}, b.devices(t, event))
	require.NotContains(t, b.subscribed(t, "ann"), "dead", "410 removes the subscription")
	require.Contains(t, b.subscribed(t, "ann"), "picky")
	asked := b.service.Requests()
	b.Advance(10 * time.Minute)
	require.Equal(t, asked+1, b.service.Requests(), "the phone alone is tried again")
	b.service.answer("phone", nil)
	b.Advance(10 * time.Minute)
	require.Equal(t, "sent(accepted)", b.state(t, event))
	require.Equal(t, map[string]int{"laptop": 1, "phone": 1}, b.service.got())
	require.Equal(t, subscriptions.Accepted, b.devices(t, event)["phone"])
}

func TestGoneEverywhere(t *testing.T) {
	t.Parallel()
	b := setup(t, "")
	b.subscribe(t, "", "ann", "laptop", "phone")
	b.service.Unsubscribe("laptop")
	b.service.Unsubscribe("phone")
	require.Equal(t, "failed(bad_address)", b.state(t, b.emit(t, "", "ann")))
	require.Empty(t, b.subscribed(t, "ann"))
	require.Equal(t, "skipped(no_address)", b.state(t, b.emit(t, "", "ann")))
	require.Equal(t, 2, b.service.Requests(), "and is not asked again")
}

func TestADeviceThatOurKeysDoNotFitIsPutOutOfUse(t *testing.T) {
	t.Parallel()
	b := setup(t, "")
	b.subscribe(t, "", "ann", "laptop")
	b.service.answer("laptop", pushsink.Refuse(http.StatusForbidden))
	require.Equal(t, "failed(bad_address)", b.state(t, b.emit(t, "", "ann")))
	require.Equal(t, map[string]subscriptions.State{"laptop": subscriptions.Refused}, b.subscribed(t, "ann"))
	require.Equal(t, "skipped(switched_off)", b.state(t, b.emit(t, "", "ann")))
	b.service.answer("laptop", nil)
	found, err := b.store.List(t.Context(), b.tx, nil)
	require.NoError(t, err)
	require.NoError(t, b.store.Activate(t.Context(), b.tx, "", found[0].ID))
	require.Equal(t, "sent(accepted)", b.state(t, b.emit(t, "", "ann")))
}

// TestWhatSomeDevicesHaveEndsAsSent: the person was told, whatever became of her other devices.
func TestWhatSomeDevicesHaveEndsAsSent(t *testing.T) {
	t.Parallel()
	b := setup(t, "")
	b.subscribe(t, "", "ann", "laptop", "phone")
	b.service.answer("phone", pushsink.Refuse(http.StatusInternalServerError))
	event := b.emit(t, "", "ann")
	for range 25 {
		b.Advance(6 * time.Minute)
	}
	require.Equal(t, "sent(accepted)", b.state(t, event))
	require.Equal(t, subscriptions.Failed, b.devices(t, event)["phone"])
	require.Equal(t, map[string]int{"laptop": 1}, b.service.got())

	b.service.answer("laptop", pushsink.Refuse(http.StatusInternalServerError))
	event = b.emit(t, "", "ann")
	for range 25 {
		b.Advance(6 * time.Minute)
	}
	require.Equal(t, "failed(exhausted)", b.state(t, event))
}

// TestAParkedReceiptGoesOnWithTheDeviceInDoubt also when an operator reopens it.
func TestAParkedReceiptGoesOnWithTheDeviceInDoubt(t *testing.T) {
	t.Parallel()
	b := setup(t, transports.Park)
	b.subscribe(t, "", "ann", "laptop", "phone")
	b.service.answer("phone", &pushsink.Answer{Cut: true, Keep: true})
	event := b.emit(t, "", "ann")
	require.Equal(t, "uncertain(answer_lost)", b.state(t, event))
	require.Equal(t, subscriptions.Unknown, b.devices(t, event)["phone"])
	b.service.answer("phone", nil)
	store := receipts.New(&receipts.Config{NowFunc: b.Now})
	op, err := store.StartOperation(t.Context(), b.tx, receipts.Operation{
		Action: receipts.ActionReopen, Operator: "ada", Reason: "the phone says that nothing came",
	})
	require.NoError(t, err)
	_, err = store.Apply(t.Context(), b.tx, op, []uuid.UUID{b.receipt(t, event).ID})
	require.NoError(t, err)
	b.Deliver()
	require.Equal(t, "sent(accepted)", b.state(t, event))
	require.Equal(t, map[string]int{"laptop": 1, "phone": 2}, b.service.got())
	topics := map[string]bool{}
	for _, m := range b.service.Messages() {
		topics[m.Topic] = true
	}
	require.Len(t, topics, 1, "what is sent again replaces what is pending")
}

func TestANewDeviceGetsWhatIsStillTried(t *testing.T) {
	t.Parallel()
	b := setup(t, "")
	b.subscribe(t, "", "ann", "laptop", "phone")
	b.service.answer("phone", pushsink.Refuse(http.StatusInternalServerError))
	event := b.emit(t, "", "ann")
	found, err := b.store.List(t.Context(), b.tx, nil)
	require.NoError(t, err)
	for _, s := range found {
		require.NoError(t, b.store.Remove(t.Context(), b.tx, "", s.ID))
	}
	b.subscribe(t, "", "ann", "tablet")
	b.Advance(10 * time.Minute)
	require.Equal(t, "sent(accepted)", b.state(t, event))
	require.Equal(t, map[string]int{"laptop": 1, "tablet": 1}, b.service.got())
}

func TestWithoutItsDevicesWhatSomeHadIsSent(t *testing.T) {
	t.Parallel()
	b := setup(t, "")
	b.subscribe(t, "", "ann", "laptop", "phone")
	b.service.answer("phone", pushsink.Refuse(http.StatusInternalServerError))
	event := b.emit(t, "", "ann")
	_, err := b.tx.Exec(t.Context(), "DELETE FROM carillon.push_subscriptions")
	require.NoError(t, err)
	b.Advance(10 * time.Minute)
	require.Equal(t, "sent(accepted)", b.state(t, event))
}

// forgetful cannot write down what became of its devices.
type forgetful struct {
	*webpush.Transport
}

func (forgetful) KeepTx(ctx context.Context, db transports.Querier, _ time.Time, _ []transports.Outcome) error {
	rows, err := db.Query(ctx, "SELECT 1/0")
	if err == nil {
		rows.Close()
		err = rows.Err()
	}
	return err
}

// TestTheResultAndItsDevicesAreWrittenTogether: a receipt that is recorded without them would be sent again to all.
func TestTheResultAndItsDevicesAreWrittenTogether(t *testing.T) {
	t.Parallel()
	b := setup(t, "")
	b.subscribe(t, "", "ann", "laptop", "phone")
	b.service.answer("phone", pushsink.Refuse(http.StatusServiceUnavailable))
	emitted, err := b.orders.EmitTx(t.Context(), b.tx, "created", order{ID: "A7", User: "ann"}, nil)
	require.NoError(t, err)
	p, err := pipeline.New(&pipeline.Config{
		Dispatcher: b.dispatcher, Transports: []transports.Transport{forgetful{newTransport(t, local())}},
	})
	require.NoError(t, err)
	batch, err := receipts.New(nil).Claim(t.Context(), b.tx, receipts.ClaimParams{
		Own: []uuid.UUID{b.receipt(t, emitted.EventID).ID}, Lease: time.Minute, Worker: "test",
	})
	require.NoError(t, err)
	require.ErrorContains(t, p.Run(t.Context(), b.tx, batch), "division by zero")
	require.Equal(t, receipts.Sending, b.receipt(t, emitted.EventID).State, "it is reclaimed when its lease expires")
	require.Empty(t, b.Attempts(b.receipt(t, emitted.EventID).ID))
}

// TestSendersThatGoOnKeepWhatDevicesHave: with few senders, results are recorded together with the bind of what follows.
func TestSendersThatGoOnKeepWhatDevicesHave(t *testing.T) {
	t.Parallel()
	b := setup(t, "")
	var events, own []uuid.UUID
	for _, person := range []string{"ann", "bob", "cleo", "dora"} {
		b.subscribe(t, "", person, person+"-laptop", person+"-phone")
		emitted, err := b.orders.EmitTx(t.Context(), b.tx, "created", order{ID: "A7", User: person}, nil)
		require.NoError(t, err)
		events, own = append(events, emitted.EventID), append(own, b.receipt(t, emitted.EventID).ID)
	}
	p, err := pipeline.New(&pipeline.Config{
		Dispatcher: b.dispatcher, Transports: []transports.Transport{newTransport(t, local())}, Senders: 1,
	})
	require.NoError(t, err)
	batch, err := receipts.New(nil).Claim(t.Context(), b.tx, receipts.ClaimParams{Own: own, Lease: time.Minute, Worker: "test"})
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context(), b.tx, batch))
	for _, event := range events {
		require.Equal(t, "sent(accepted)", b.state(t, event))
		require.Len(t, b.devices(t, event), 2)
	}
}
