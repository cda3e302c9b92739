package transports

// Webhook is the name of the webhook transport.
const Webhook = "webhook"

// WebhookSpec is the spec of the webhook transport. It sends the event's data; texts go along where they are declared.
func WebhookSpec() Spec {
	return Spec{
		Name:    Webhook,
		Doc:     "signed HTTP requests to stored endpoints and fixed URLs",
		Address: AddressEndpoint,
		Retry:   RetryWebhook,
		Uses:    []string{FieldTitle, FieldMessage, FieldActionURL, FieldActionLabel},
	}
}
