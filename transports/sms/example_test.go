package sms_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/internal/twiliosink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/sms"
)

func Example() {
	sink, err := twiliosink.Start(nil) // stands in for Twilio
	if err != nil {
		panic(err)
	}
	defer func() { _ = sink.Close() }()

	transport, err := sms.New(&sms.Config{
		From: "Shop",
		Twilio: &sms.TwilioConfig{
			AccountSID: sink.AccountSID(), AuthToken: transports.Secret(sink.AuthToken()),
			APIURL: sink.URL(), // leave it out for Twilio's own
		},
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer func() { _ = transport.Close(ctx) }()

	_, err = transport.Send(ctx, transports.Message{
		ReceiptID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"),
		Recipient: transports.Recipient{Address: "+4915112345678"},
		Content:   transports.Content{Message: "Order A7 is on its way", ActionURL: "https://shop.example.com/A7"},
	})
	if err != nil {
		panic(err)
	}
	got := sink.Messages()[0]
	fmt.Printf("%s %s %q\n", got.From, got.To, got.Body)
	fmt.Println(sms.Segments("Grüße 🔔"))
	// Output:
	// Shop +4915112345678 "Order A7 is on its way\nhttps://shop.example.com/A7"
	// 1 ucs2
}
