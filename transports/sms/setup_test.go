package sms_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/twiliosink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/sms"
)

const phone = "+4915112345678"

// setup is a sink and a transport that sends to it.
func setup(t testing.TB, cfg *twiliosink.Config, change func(*sms.Config)) (*sms.Transport, *twiliosink.Server) {
	t.Helper()
	sink, err := twiliosink.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = sink.Close() })
	c := sms.Config{From: "+15005550006", Twilio: &sms.TwilioConfig{
		AccountSID: sink.AccountSID(), AuthToken: transports.Secret(sink.AuthToken()), APIURL: sink.URL(),
	}}
	if change != nil {
		change(&c)
	}
	return newSMS(t, c), sink
}

func newSMS(t testing.TB, c sms.Config) *sms.Transport {
	t.Helper()
	transport, err := sms.New(&c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = transport.Close(context.Background()) })
	return transport
}

// full is a message with everything.
func full() transports.Message {
	return transports.Message{
		ReceiptID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), Attempt: 1, Event: "orders.created",
		Recipient: transports.Recipient{ID: "1", Address: phone},
		Content: transports.Content{
			Message: "Order A7 <b>&</b> two bells [€5]", ActionURL: "https://shop.example.com/orders/A7?a=1&b=2",
		},
		RenderedAt: time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC),
	}
}

func with(m transports.Message, o transports.SMSOptions) transports.Message {
	m.Options, _ = transports.EncodeOptions(o)
	return m
}
