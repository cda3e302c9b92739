// Package smtpsink is a real SMTP server on loopback that keeps what it is sent. Tests and the demo deliver to it.
//
// By default it accepts everything:
//
//	sink, err := smtpsink.Start(nil)
//	…
//	messages, err := sink.Wait(ctx, 1)
//
// A test that needs trouble gives [Config] a function per stage, whose [Answer] may refuse, wait, or cut the
// connection before or after the message was taken. STARTTLS, implicit TLS and AUTH are served with a certificate made
// at start; [Server.CertPool] trusts it.
package smtpsink
