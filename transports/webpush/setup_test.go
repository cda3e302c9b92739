package webpush_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/pushsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
	"github.com/carillon-notify/carillon/transports/webpush"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// privateKey is a key of these tests alone.
const privateKey = transports.Secret("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")

// local is a config for push services on this machine.
func local() *webpush.Config {
	return &webpush.Config{
		PrivateKey: privateKey, Subject: "mailto:ops@example.com",
		Hosts: []string{"*"}, AllowHTTP: true, Allow: []string{"127.0.0.0/8"},
	}
}

func newTransport(tb testing.TB, cfg *webpush.Config) *webpush.Transport {
	tb.Helper()
	t, err := webpush.New(cfg)
	require.NoError(tb, err)
	return t
}

// deviceOf is a subscription as a send gets it.
func deviceOf(tb testing.TB, s pushsink.Subscription) subscriptions.Device {
	tb.Helper()
	public, err := base64.RawURLEncoding.DecodeString(s.Keys.P256dh)
	require.NoError(tb, err)
	auth, err := base64.RawURLEncoding.DecodeString(s.Keys.Auth)
	require.NoError(tb, err)
	return subscriptions.Device{ID: uuid.Must(uuid.NewV7()), Endpoint: s.Endpoint, P256dh: public, Auth: auth}
}

// sink is a push service with the devices named.
func sink(tb testing.TB, cfg *pushsink.Config, key string, names ...string) (*pushsink.Server, []subscriptions.Device) {
	tb.Helper()
	s, err := pushsink.Start(cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Close() })
	var devices []subscriptions.Device
	for _, name := range names {
		subscribed, err := s.Subscribe(s.URL(), name, key)
		require.NoError(tb, err)
		d := deviceOf(tb, subscribed)
		d.Name = name
		devices = append(devices, d)
	}
	return s, devices
}

// message goes to devices.
func message(devices ...subscriptions.Device) transports.Message {
	m := transporttest.NewMessage(transports.WebPushSpec())
	m.RenderedAt = time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC)
	m.Target = &subscriptions.Target{Devices: devices}
	return m
}

// outcomes are what a try noted, by the names of the devices.
func outcomes(m transports.Message) map[string]subscriptions.Outcome {
	found := map[string]subscriptions.Outcome{}
	for _, d := range m.Target.(*subscriptions.Target).Tried() {
		found[d.Device] = d.Outcome
	}
	return found
}
