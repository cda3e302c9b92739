package transports

// Names of the transports that Carillon brings.
const (
	Email = "email"
	InApp = "in_app"
)

// AddressKind says which of a person's addresses a transport delivers to.
type AddressKind string

// The kinds of address.
const (
	// AddressNone is for transports that need only the person's id.
	AddressNone  AddressKind = ""
	AddressEmail AddressKind = "email"
	AddressPhone AddressKind = "phone"
)

// Spec is what a transport asks of the channels that use it. It is data, so that declarations can be checked in a
// program that does not link the transport.
type Spec struct {
	// Name is the transport's name: lower-case letters, digits and underscores, at most 32 bytes.
	Name string
	// Address is the kind of address it delivers to.
	Address AddressKind
	// PersonOnly refuses fixed addresses: the recipient must be a person with an id.
	PersonOnly bool
	// Retry is how its sends are tried again where neither channel nor event says. Defaults to [RetryBulk] for bulk
	// priority, else [RetryTransactional].
	Retry Retry
	// Required lists content fields of which each must be declared.
	Required []string
	// RequiredOneOf lists content fields of which at least one must be declared.
	RequiredOneOf []string
	// Uses lists the remaining content fields that the transport sends. Only fields that a spec names are rendered.
	Uses []string
	// OnUnknown is the policy of channels that declare none. Defaults to [Resend]; a transport whose messages annoy or
	// cost when they come twice says [Park].
	OnUnknown OnUnknown
	// Probes says that the transport is a [Prober], so that channels may declare [Probe].
	Probes bool
	// InDatabase says that the transport is an [InDatabase]: no answer is ever lost, and channels declare no OnUnknown.
	InDatabase bool
}

// Fields lists every content field that the transport sends.
func (s Spec) Fields() []string {
	all := make([]string, 0, len(s.Required)+len(s.RequiredOneOf)+len(s.Uses))
	all = append(all, s.Required...)
	all = append(all, s.RequiredOneOf...)
	return append(all, s.Uses...)
}

// EmailSpec is the spec of the email transport.
func EmailSpec() Spec {
	return Spec{
		Name:          Email,
		Address:       AddressEmail,
		Required:      []string{FieldSubject},
		RequiredOneOf: []string{FieldText, FieldHTML, FieldMessage},
		Uses:          []string{FieldFrom, FieldReplyTo},
	}
}

// InAppSpec is the spec of the in-app transport.
func InAppSpec() Spec {
	return Spec{
		Name:       InApp,
		PersonOnly: true,
		Required:   []string{FieldTitle, FieldMessage},
		Uses:       []string{FieldActionURL, FieldActionLabel},
		InDatabase: true,
	}
}

// Builtin lists the specs of the transports that Carillon brings.
func Builtin() []Spec {
	return []Spec{EmailSpec(), InAppSpec()}
}
