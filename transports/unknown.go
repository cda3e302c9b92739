package transports

import "context"

// OnUnknown says what becomes of a message that may have been accepted: the answer to a send was lost, or the worker
// was lost while it sent.
type OnUnknown string

// The policies.
const (
	// Resend sends again, under the same key and with the same content. The recipient may get the message twice.
	Resend OnUnknown = "resend"
	// Park never sends again by itself. The receipt ends as uncertain, and an operator decides.
	Park OnUnknown = "park"
	// Probe asks the provider whether it has the message, and sends again only if it has not. It needs a [Prober].
	Probe OnUnknown = "probe"
)

// OnUnknowns lists them.
func OnUnknowns() []OnUnknown { return []OnUnknown{Resend, Park, Probe} }

// Prober is implemented by a transport whose provider can be asked for a message by the key under which it was sent. Its
// [Spec] says so in Probes.
type Prober interface {
	Transport
	// Probe looks for m at the provider and sends nothing. found means that the provider took responsibility for it in an
	// earlier try; result is then what that try would have returned. Not found must be certain: the message is then sent
	// again, so a provider that may still be making up its mind is an error. Errors have the classes of a send, but none
	// of them ends the receipt: it is asked again later.
	Probe(ctx context.Context, m Message) (result Result, found bool, err error)
}
