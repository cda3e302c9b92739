package bridge_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/bridge"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // stands in for ntfy.sh
		body, _ := io.ReadAll(r.Body)
		fmt.Printf("%s %s: %s\n", r.Method, r.URL.Path, body)
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()

	transport, err := bridge.New(&bridge.Config{URLs: map[string]transports.Secret{
		"ops": transports.Secret("ntfy://" + strings.TrimPrefix(server.URL, "http://") + "/shop?scheme=http"), // ntfy://ntfy.sh/shop
	}})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer func() { _ = transport.Close(ctx) }()

	_, err = transport.Send(ctx, transports.Message{
		Recipient: transports.Recipient{Address: "ops"}, Content: transports.Content{Message: "Order A7 was created"},
	})
	fmt.Println(err)
	// Output:
	// POST /shop: Order A7 was created
	// <nil>
}
