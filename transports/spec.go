package transports

// AddressKind says which of a person's addresses a transport delivers to.
type AddressKind string

// The kinds of address.
const (
	// AddressNone is for transports that need only the person's id.
	AddressNone  AddressKind = ""
	AddressEmail AddressKind = "email"
	AddressPhone AddressKind = "phone"
	// AddressEndpoint is the id of a stored endpoint, or the URL of one that is not stored.
	AddressEndpoint AddressKind = "endpoint"
	// AddressChat is a channel or a member of a chat service, or a webhook by the name that the configuration gives it.
	// The directory of people has none; a fixed audience, or a function that finds recipients, names it.
	AddressChat AddressKind = "chat"
)

// Spec is what a transport asks of the channels that use it. It is data, so that declarations can be checked in a
// program that does not link the transport.
type Spec struct {
	// Name is the transport's name: lower-case letters, digits and underscores, at most 32 bytes.
	Name string
	// Doc says in a few words what it carries where.
	Doc string
	// Address is the kind of address it delivers to.
	Address AddressKind
	// PersonOnly refuses fixed addresses: the recipient must be a person with an id.
	PersonOnly bool
	// Retry is how its sends are tried again where neither channel nor event says. Defaults to [RetryBulk] for bulk
	// priority, else [RetryTransactional].
	Retry Retry
	// Once says that a channel makes one message of an event, whatever the size of anything: its audience is a fixed
	// address, or is left out. It suits what is heard by whoever listens.
	Once bool
	// AudienceOptional says that a channel may leave its audience out, and then makes one message of an event. Once
	// implies it.
	AudienceOptional bool
	// Options is the zero value of the struct whose fields a channel may set as its options; nil if there are none. See
	// [OptionsOf] for the tags that describe them. Applications give a value of the struct in dispatch.Channel, and
	// carillon.yaml its keys; the transport reads it back by [Options].
	Options any
	// Required lists content fields of which each must be declared.
	Required []string
	// RequiredOneOf lists content fields of which at least one must be declared.
	RequiredOneOf []string
	// Uses lists the remaining content fields that the transport sends. Only fields that a spec names are rendered.
	Uses []string
	// Files says that the transport sends the files of a message, so that channels may declare attachments.
	Files bool
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
