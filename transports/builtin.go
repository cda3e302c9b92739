package transports

// Builtin is the one list of the transports that Carillon brings. Declarations, carillon.yaml, checks, lanes, the CLI and
// the documentation all read it. A spec is data: an application that declares a channel links no SDK by that.
//
// Another one is a line here, a file with its name, spec and options beside this one, a folder of its own, and a line
// of wiring in cmd/carillon, which a test compares with this list.
func Builtin() []Spec {
	return []Spec{
		EmailSpec(),
		SlackSpec(),
		DiscordSpec(),
		SMSSpec(),
		BridgeSpec(),
		InAppSpec(),
		BroadcastSpec(),
		WebhookSpec(),
		WebPushSpec(),
		JobSpec(),
	}
}

// Names of the transports of [Builtin].
const (
	Email = "email"
	InApp = "in_app"
)

// EmailSpec is the spec of the email transport.
func EmailSpec() Spec {
	return Spec{
		Name:          Email,
		Doc:           "mail over SMTP, or by Resend's API",
		Address:       AddressEmail,
		Required:      []string{FieldSubject},
		RequiredOneOf: []string{FieldText, FieldHTML, FieldMessage},
		Uses:          []string{FieldFrom, FieldReplyTo},
		Files:         true,
	}
}

// InAppSpec is the spec of the in-app transport.
func InAppSpec() Spec {
	return Spec{
		Name:       InApp,
		Doc:        "the person's inbox, a row in the same database",
		PersonOnly: true,
		Required:   []string{FieldTitle, FieldMessage},
		Uses:       []string{FieldActionURL, FieldActionLabel},
		InDatabase: true,
	}
}

// OnceAudience is the audience of a channel that left it out, and the address of its one message.
const OnceAudience = "event"
