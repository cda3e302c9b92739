package transporttest_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// fakeProvider is what stands behind a Fake in its own conformance test: its script.
type fakeProvider struct {
	fake *transporttest.Fake

	mu        sync.Mutex
	behaviour string
	stalled   chan struct{}
	once      sync.Once
}

func (p *fakeProvider) send(ctx context.Context, m transports.Message) (transports.Result, error) {
	p.mu.Lock()
	behaviour, stalled := p.behaviour, p.stalled
	p.mu.Unlock()
	if stalled != nil {
		p.once.Do(func() { close(stalled) })
		<-ctx.Done()
		return transports.Result{}, transports.Classify(ctx.Err())
	}
	switch {
	case m.Recipient.Address == "":
		return transports.Result{}, transports.Errorf(transports.Address, "no address")
	case behaviour != "":
		return transports.Result{}, errors.New(behaviour + " for " + m.Recipient.Address)
	}
	return transports.Result{Provider: "fake"}, nil
}

func (p *fakeProvider) Behave(behaviour string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.behaviour = behaviour
}

func (p *fakeProvider) Stall() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = make(chan struct{})
	return p.stalled
}

func (p *fakeProvider) Tries() int { return len(p.fake.Tried()) }

func (p *fakeProvider) Deliveries() []transporttest.Delivery {
	var ds []transporttest.Delivery
	for _, m := range p.fake.Accepted() {
		body, _ := json.Marshal(m.Content)
		ds = append(ds, transporttest.Delivery{
			Key: m.ReceiptID.String(), Body: body, Address: m.Recipient.Address, Content: m.Content,
		})
	}
	return ds
}

// not parallel: the suite looks for goroutines that were left behind
func TestFakeConforms(t *testing.T) {
	transporttest.Run(t, transporttest.Harness{
		NewFunc: func(testing.TB) (transports.Transport, transporttest.Provider) {
			p := &fakeProvider{}
			p.fake = transporttest.NewFake("pager", &transporttest.FakeConfig{SendFunc: p.send})
			return p.fake, p
		},
		Skip: map[string]string{
			"Classifies":     "a fake passes on what its script says",
			"HostileAddress": "a fake takes any address",
		},
	})
}

func TestFakeSpec(t *testing.T) {
	t.Parallel()
	require.Equal(t, transports.EmailSpec(), transporttest.NewFake(transports.Email, nil).Spec())
	require.Equal(t, transports.AddressEmail, transporttest.NewFake("pager", nil).Spec().Address)
	spec := transports.Spec{Name: "other", Required: []string{transports.FieldTitle}}
	fake := transporttest.NewFake("pager", &transporttest.FakeConfig{Spec: spec})
	require.Equal(t, "pager", fake.Name())
	require.Equal(t, "pager", fake.Spec().Name)
	require.Equal(t, spec.Required, fake.Spec().Required)
}

func TestFakeRecordsWhatItAccepts(t *testing.T) {
	t.Parallel()
	fake := transporttest.NewFake("pager", &transporttest.FakeConfig{
		SendFunc: func(_ context.Context, m transports.Message) (transports.Result, error) {
			if m.Attempt == 1 {
				return transports.Result{}, transports.Errorf(transports.Transient, "once more")
			}
			return transports.Result{Provider: "fake", Detail: strconv.Itoa(m.Attempt)}, nil
		},
	})
	m := transporttest.NewMessage(fake.Spec())
	_, err := fake.Send(t.Context(), m)
	require.Error(t, err)
	m.Attempt = 2
	result, err := fake.Send(t.Context(), m)
	require.NoError(t, err)
	require.Equal(t, "2", result.Detail)
	require.Len(t, fake.Tried(), 2)
	require.Equal(t, []transports.Message{m}, fake.Accepted())
}

func TestFakeWait(t *testing.T) {
	t.Parallel()
	fake := transporttest.NewFake("pager", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var all []transports.Message
	for range 5 {
		all = append(all, transporttest.NewMessage(fake.Spec()))
	}
	for _, m := range all {
		go func() { _, _ = fake.Send(ctx, m) }()
	}
	got, err := fake.Wait(ctx, len(all))
	require.NoError(t, err)
	for _, m := range all {
		require.True(t, slices.ContainsFunc(got, func(g transports.Message) bool { return g.ReceiptID == m.ReceiptID }))
	}

	ended, end := context.WithCancel(t.Context())
	end()
	got, err = fake.Wait(ended, 6)
	require.ErrorIs(t, err, context.Canceled)
	require.Len(t, got, 5)
}
