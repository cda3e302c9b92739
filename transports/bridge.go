package transports

// Bridge is the name of the bridge transport.
const Bridge = "bridge"

// BridgeSpec is the spec of the bridge transport.
func BridgeSpec() Spec {
	return Spec{
		Name:     Bridge,
		Doc:      "a short text to one of some twenty other services, by a URL: Telegram, Teams, ntfy, Matrix, Pushover, …",
		Address:  AddressChat,
		Retry:    RetryChat,
		Required: []string{FieldMessage},
		Uses:     []string{FieldTitle, FieldActionURL},
	}
}
