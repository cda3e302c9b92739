package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook"
	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// The worker calls Send; here is what a receiver gets of it.
func ExampleTransport() {
	const shared = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		key, err := signature.ParseKey(shared)
		if err != nil {
			panic(err)
		}
		hook, err := signature.Receive(r, []signature.Key{key}, nil)
		if err != nil {
			panic(err)
		}
		fmt.Println(hook.ID)
		fmt.Println(string(hook.Body))
	}))
	defer receiver.Close()

	hooks, err := webhook.New(&webhook.Config{
		Keys:      []transports.Secret{shared},
		AllowHTTP: true, Allow: []string{"127.0.0.0/8"}, // for this example only
	})
	if err != nil {
		panic(err)
	}
	result, err := hooks.Send(context.Background(), transports.Message{
		ReceiptID:  uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"),
		EventID:    uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058"),
		Event:      "orders.created",
		OccurredAt: time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC),
		Data:       json.RawMessage(`{"order_number":"A7"}`),
		Recipient:  transports.Recipient{Address: receiver.URL + "/hooks"},
	})
	fmt.Println(result.Detail, err)
	// Output:
	// msg_01890a5d-ac96-774b-bcce-b302099a8057
	// {"type":"orders.created","timestamp":"2026-03-29T01:02:03Z","id":"01890a5d-ac96-774b-bcce-b302099a8058","data":{"order_number":"A7"}}
	// 200 <nil>
}
