package slack_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/internal/slacksink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/slack"
)

func Example() {
	sink, err := slacksink.Start(nil) // stands in for Slack
	if err != nil {
		panic(err)
	}
	defer func() { _ = sink.Close() }()

	transport, err := slack.New(&slack.Config{
		Token:  transports.Secret(sink.Token()), // xoxb-…
		APIURL: sink.APIURL(),                   // leave it out for Slack's own
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer func() { _ = transport.Close(ctx) }()

	result, err := transport.Send(ctx, transports.Message{
		ReceiptID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"),
		Recipient: transports.Recipient{Address: "#orders"},
		Content:   transports.Content{Title: "Order A7", Message: "<!channel> is only text here"},
	})
	if err != nil {
		panic(err)
	}
	got := sink.Messages()[0]
	fmt.Println(result.ProviderMessageID, got.Channel)
	fmt.Println(slacksink.TextOf(got.Blocks[0]), "/", slacksink.TextOf(got.Blocks[1]), got.Active())
	// Output:
	// 1774746123.000001 #orders
	// Order A7 / <!channel> is only text here []
}
