package webpush_test

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/internal/pushsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webpush"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// The worker reads the person's subscriptions and calls Send; here is what the page's service worker gets of it.
func ExampleTransport() {
	browsers, err := pushsink.Start(nil) // stands for a push service and a browser
	if err != nil {
		panic(err)
	}
	defer func() { _ = browsers.Close() }()
	push, err := webpush.New(&webpush.Config{
		PrivateKey: "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", Subject: "mailto:ops@example.com",
		Hosts: []string{"*"}, AllowHTTP: true, Allow: []string{"127.0.0.0/8"}, // for this example only
	})
	if err != nil {
		panic(err)
	}
	subscribed, err := browsers.Subscribe(browsers.URL(), "laptop", push.PublicKey())
	if err != nil {
		panic(err)
	}
	public, _ := base64.RawURLEncoding.DecodeString(subscribed.Keys.P256dh)
	auth, _ := base64.RawURLEncoding.DecodeString(subscribed.Keys.Auth)

	result, err := push.Send(context.Background(), transports.Message{
		ReceiptID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), NotificationType: "success",
		Content: transports.Content{
			Title: "Order A7", Message: "It is on its way.", ActionURL: "https://shop.example.com/orders/A7",
		},
		Target: &subscriptions.Target{Devices: []subscriptions.Device{{
			ID: uuid.New(), Endpoint: subscribed.Endpoint, P256dh: public, Auth: auth,
		}}},
	})
	fmt.Println(result.Detail, err)
	fmt.Println(string(browsers.Messages()[0].Payload))
	// Output:
	// 1 of 1 devices have the message <nil>
	// {"title":"Order A7","body":"It is on its way.","url":"https://shop.example.com/orders/A7","tag":"AYkKXayWd0u8zrMCCZqAVw","type":"success"}
}
