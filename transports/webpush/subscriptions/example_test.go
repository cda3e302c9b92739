package subscriptions_test

import (
	"fmt"

	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// What a page sends is read, and given to Store.Add with the id of whoever is signed in.
func ExampleParse() {
	p, err := subscriptions.Parse([]byte(`{
		"endpoint": "https://updates.push.services.mozilla.com/wpush/v2/x",
		"expirationTime": null,
		"keys": {
			"p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
			"auth": "BTBZMqHH6r4Tts7J_aSIgg"
		}
	}`))
	p.Person, p.Device = "42", "Firefox on Linux"
	fmt.Println(p.Person, p.Device, p.Endpoint, err)
	_, err = subscriptions.Parse([]byte(`{"endpoint": "https://updates.push.services.mozilla.com/wpush/v2/x"}`))
	fmt.Println(err)
	// Output:
	// 42 Firefox on Linux https://updates.push.services.mozilla.com/wpush/v2/x <nil>
	// subscription: p256dh is not 65 bytes in base64url
}
