package webpush

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// Transport sends web push messages. It is safe for concurrent use.
type Transport struct {
	*settings
	streaks streaks
	closed  atomic.Bool
}

var (
	_ transports.Keeper    = (*Transport)(nil)
	_ transports.Encoder   = (*Transport)(nil)
	_ transports.Router    = (*Transport)(nil)
	_ transports.Previewer = (*Transport)(nil)
	_ transports.Closer    = (*Transport)(nil)
)

// New makes the transport. The error joins everything that is wrong, each with its field, and quotes no secret.
func New(cfg *Config) (*Transport, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	s, err := cfg.settings()
	if err != nil {
		return nil, err
	}
	return &Transport{settings: s}, nil
}

// Name is [transports.WebPush].
func (t *Transport) Name() string { return transports.WebPush }

// Spec is [transports.WebPushSpec].
func (t *Transport) Spec() transports.Spec { return transports.WebPushSpec() }

// String tells nothing of the keys.
func (t *Transport) String() string { return "web push transport" }

// PublicKey is what pages give to pushManager.subscribe as applicationServerKey.
func (t *Transport) PublicKey() string { return t.keys.Public }

// Subscriptions is the store of the subscriptions that the transport sends to, with the same guard.
func (t *Transport) Subscriptions() *subscriptions.Store { return t.store }

// Close closes idle connections; sends fail from then on.
func (t *Transport) Close(ctx context.Context) error {
	t.closed.Store(true)
	return t.client.Close(ctx)
}

// Encode makes the payload, the same for every device and every try. Each try encrypts it anew.
func (t *Transport) Encode(m transports.Message) ([]byte, error) {
	options, err := transports.Options[transports.WebPushOptions](m)
	if err != nil {
		return nil, err
	}
	return compose(m, options)
}

// Preview shows the payload, which is the same for every device.
func (t *Transport) Preview(m transports.Message) (content []byte, extension string, err error) {
	content, err = t.payload(m)
	return append(content, '\n'), ".json", err
}

func (t *Transport) payload(m transports.Message) ([]byte, error) {
	if m.Payload != nil {
		return m.Payload, nil
	}
	return t.Encode(m)
}

// Send sends the message to all devices of its target at once. It succeeds if a device has the message, from this try or an
// earlier one, and none is worth another. What became of it at each is noted in the target.
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if t.closed.Load() {
		return transports.Result{}, transports.Errorf(transports.Transient, "the transport is closed")
	}
	if err := ctx.Err(); err != nil {
		return transports.Result{}, transports.Classify(err)
	}
	to, ok := m.Target.(*subscriptions.Target)
	if !ok {
		return transports.Result{}, transports.Errorf(transports.Permanent, "web push goes to stored subscriptions alone")
	}
	options, err := transports.Options[transports.WebPushOptions](m)
	if err != nil {
		return transports.Result{}, err
	}
	body, err := t.payload(m)
	if err == nil && len(body) > MaxPayload {
		err = errOversize
	}
	if err != nil {
		return transports.Result{}, &transports.Error{Class: transports.Permanent, Code: "payload", Detail: err.Error()}
	}
	b := &bulletin{body: body, topic: topic(m, options), options: options, attempt: m.Attempt}
	devices := open(to, m.Attempt)
	failures := make([]*transports.Error, len(devices))
	var all sync.WaitGroup
	for i, d := range devices {
		all.Add(1)
		go func() {
			defer all.Done()
			failures[i] = t.push(ctx, to, d, b)
		}()
	}
	all.Wait()
	return conclude(to, devices, failures)
}

// open lists the devices that a try goes to. One whose push service does not take this message is left out of later tries,
// until somebody reopens the receipt.
func open(to *subscriptions.Target, attempt int) []subscriptions.Device {
	var devices []subscriptions.Device
	for _, d := range to.Devices {
		if attempt <= 1 || d.Last != subscriptions.Rejected {
			devices = append(devices, d)
		}
	}
	return devices
}

// Targets reads the devices of a batch's people in one query, and leaves those out that have their message.
func (t *Transport) Targets(
	ctx context.Context, db transports.Querier, _ time.Time, ms []transports.Message,
) ([]transports.Target, error) {
	asks := make([]subscriptions.Ask, len(ms))
	for i, m := range ms {
		asks[i] = subscriptions.Ask{Receipt: m.ReceiptID, Tenant: m.Tenant, Person: m.Recipient.ID}
	}
	found, err := t.store.Targets(ctx, db, asks)
	if err != nil {
		return nil, err
	}
	targets := make([]transports.Target, len(ms))
	for i, to := range found {
		switch {
		case len(to.Devices)+to.Accepted > 0:
			targets[i].Value = to
		case to.Refused > 0:
			targets[i].Off = "the push services refuse our keys for all devices of the person"
		default:
			targets[i].Off, targets[i].NoAddress = "the person has no push subscription", true
		}
	}
	return targets, nil
}

// KeepTx writes what became of the messages at each device, so that the next try leaves out those that have theirs.
func (t *Transport) KeepTx(ctx context.Context, db transports.Querier, now time.Time, outcomes []transports.Outcome) error {
	var kept []subscriptions.Kept
	for _, out := range outcomes {
		if to, ok := out.Message.Target.(*subscriptions.Target); ok {
			kept = append(kept, subscriptions.Kept{Receipt: out.Message.ReceiptID, Tried: to.Tried()})
		}
	}
	return t.store.Keep(ctx, db, now, kept)
}

// Report deletes the subscriptions that are gone, and notes which work.
func (t *Transport) Report(
	ctx context.Context, db transports.Querier, now time.Time, outcomes []transports.Outcome,
) ([]transports.Notice, error) {
	var tried []subscriptions.Delivery
	for _, out := range outcomes {
		if to, ok := out.Message.Target.(*subscriptions.Target); ok {
			tried = append(tried, to.Tried()...)
		}
	}
	return nil, t.store.Record(ctx, db, now, tried)
}
