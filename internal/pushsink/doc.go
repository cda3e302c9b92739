// Package pushsink is a push service on loopback, with the browsers behind it: it hands out subscriptions, refuses what
// push services refuse, verifies who sends (VAPID, RFC 8292), and decrypts what arrives as the browser would (RFC 8291).
// Nothing in it is shared with the transport that it tests. Each check cites its page.
package pushsink
