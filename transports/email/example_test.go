package email_test

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

func Example() {
	sink, err := smtpsink.Start(nil) // stands in for your mail server
	if err != nil {
		panic(err)
	}
	defer func() { _ = sink.Close() }()

	mail, err := email.New(&email.Config{
		SMTP: transports.Secret(sink.URL()), // smtp://user:password@mail.example.com
		From: "Shop <shop@example.com>",
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer func() { _ = mail.Close(ctx) }()

	result, err := mail.Send(ctx, transports.Message{
		ReceiptID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"),
		Recipient: transports.Recipient{Name: "Carla", Address: "carla@example.com"},
		Content: transports.Content{
			Subject: "Order A7 created",
			HTML:    "<p>Dear Carla, your order is being processed.</p>",
		},
		RenderedAt: time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Provider, result.Detail)

	got := sink.Messages()[0]
	fmt.Println(got.Session.To, got.Subject)
	fmt.Println(got.Text)
	fmt.Println(got.MessageID)
	// Output:
	// 127.0.0.1 250 2.0.0
	// [carla@example.com] Order A7 created
	// Dear Carla, your order is being processed.
	// 01890a5d-ac96-774b-bcce-b302099a8057@example.com
}
