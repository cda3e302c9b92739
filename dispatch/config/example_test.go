package config_test

import (
	"fmt"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/inapp"
)

// The one line per transport that a program wires.
func builders() []config.Builder {
	return []config.Builder{
		{
			Spec: transports.InAppSpec(), NoConfig: true,
			New: func(func(any) error) (transports.Transport, error) { return inapp.New(), nil },
		},
		{
			Spec: transports.EmailSpec(),
			New: func(decode func(any) error) (transports.Transport, error) {
				var c email.Config
				if err := decode(&c); err != nil {
					return nil, err
				}
				return email.New(&c)
			},
		},
	}
}

func ExampleParse() {
	const source = `
audiences:
  user: { field: user_id }
transports:
  email: { smtp: "smtp://localhost:1025", from: "Shop <shop@example.com>" }
events:
  orders.created:
    sample: { order_number: A7, user_id: "1" }
    channels:
      - { transport: in_app, audience: user }
      - { transport: email, audience: user, delay: 5m }
    content:
      subject: "Order #{{ order_number }} created"
      title: Your order was created
      message: "Order #{{ order_number }} is being processed"
`
	file, err := config.Parse("carillon.yaml", []byte(source), builders(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, event := range file.Dispatcher.Registry().Events() {
		for _, channel := range event.Channels {
			fmt.Println(event.Name, channel.Name, channel.Delay)
		}
	}
	// Output:
	// orders.created in_app.user 0s
	// orders.created email.user 5m0s
}

func ExampleProblems() {
	const source = `
audiences:
  user: { field: user_id }
events:
  orders.created:
    channels:
      - transport: in_app
        audience: usr
      - transport: email
        audience: user
        delay: 5 minutes
    contents: {}
    content: { subject: Thank you, title: Thank you, message: "Order {{ code }}" }
`
	_, err := config.Parse("carillon.yaml", []byte(source), builders(), nil)
	fmt.Println(err)
	// Output:
	// 5 problems:
	// carillon.yaml:8:19: events.orders.created.channels[0].audience: unknown audience "usr" (declared audiences: user)
	// carillon.yaml:9:20: events.orders.created.channels[1].transport: transport email is not configured (add transports.email)
	// carillon.yaml:11:16: events.orders.created.channels[1].delay: must be a duration such as 90s, 5m or 7d, not "5 minutes"
	// carillon.yaml:12:5: events.orders.created.contents: unknown key (did you mean content? keys: category, notification_type, priority, expires_after, retry, sample, channels, content, content_for, attachments)
	// carillon.yaml:13:63: events.orders.created.content.message: unknown placeholder "code" (add the field to the payload or, in YAML, to the sample)
}
