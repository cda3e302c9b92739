package signature_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// A receiver verifies before it parses, and answers 2xx when it has taken the event.
func ExampleReceive() {
	key, err := signature.ParseKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") // from your configuration
	if err != nil {
		panic(err)
	}
	receiver := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hook, err := signature.Receive(r, []signature.Key{key}, nil)
		if err != nil {
			http.Error(w, "not accepted", http.StatusUnauthorized)
			return
		}
		fmt.Println("once:", hook.ID) // keep the id, and drop what comes again
		fmt.Println(string(hook.Body))
		w.WriteHeader(http.StatusNoContent)
	})

	body := `{"type":"orders.created"}`
	now := time.Now()
	signed, err := signature.Sign("msg_1", now, []byte(body), key)
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/hooks", strings.NewReader(body))
	r.Header.Set(signature.HeaderID, "msg_1")
	r.Header.Set(signature.HeaderTimestamp, fmt.Sprint(now.Unix()))
	r.Header.Set(signature.HeaderSignature, signed)
	w := httptest.NewRecorder()
	receiver.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// once: msg_1
	// {"type":"orders.created"}
	// 204
}
