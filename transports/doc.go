// Package transports is the contract between the dispatcher and whatever carries a message: email, an inbox row, a
// chat service.
//
// It is a leaf. The dispatcher and every implementation import it; they never import each other. Transport names and
// their specs are declared here, so that an application can declare a Slack channel without compiling a Slack SDK.
//
// A transport sends once: it does not retry, sleep or limit its own rate, since only the dispatcher knows what
// another try would cost. It reports what happened as a [Result] or as an [Error] with a [Class]. An error that says
// nothing is temporary: an unknown failure must cost a retry, never a message.
//
// To write one, implement [Transport], give it a [Spec], and run transporttest.Run against it:
//
//	type Pager struct{ client *http.Client }
//
//	func (p *Pager) Name() string { return "pager" }
//	func (p *Pager) Spec() transports.Spec {
//		return transports.Spec{Name: "pager", Address: transports.AddressPhone, Required: []string{transports.FieldMessage}}
//	}
//	func (p *Pager) Send(ctx context.Context, m transports.Message) (transports.Result, error) { … }
//
// A transport whose delivery is a row in the dispatcher's own database implements [InDatabase] as well; its rows
// commit together with the receipt's result, which makes it exactly once.
package transports
