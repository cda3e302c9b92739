package discord_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/internal/discordsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/discord"
)

func Example() {
	sink, err := discordsink.Start(nil) // stands in for Discord
	if err != nil {
		panic(err)
	}
	defer func() { _ = sink.Close() }()

	transport, err := discord.New(&discord.Config{
		WebhookURL: transports.Secret(sink.WebhookURL("orders")), // https://discord.com/api/webhooks/ID/TOKEN
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer func() { _ = transport.Close(ctx) }()

	result, err := transport.Send(ctx, transports.Message{
		ReceiptID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"),
		Recipient: transports.Recipient{Address: "orders"},
		Content:   transports.Content{Title: "Order A7", Message: "*@everyone* is only text here"},
	})
	if err != nil {
		panic(err)
	}
	got := sink.Messages()[0]
	fmt.Println(result.ProviderMessageID)
	fmt.Println(got.Embeds[0].Title, "/", discordsink.Unescape(got.Embeds[0].Description), got.AllowedMentions.Parse)
	// Output:
	// 1100000000000000001
	// Order A7 / *@everyone* is only text here []
}
