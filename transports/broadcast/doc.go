// Package broadcast signals that something happened to whoever listens to a topic: by pg_notify in the transaction that
// records the receipt, so that there is a signal exactly if there is a receipt that says so.
//
// A signal bears ids and a few words, never the thing itself: whoever hears it looks again, with an authority of its own.
// It is one message of an event, whatever the number of listeners, and nobody is told whether anybody listened.
//
// All topics share one channel of Postgres, [Channel]; listeners LISTEN to it, read each payload by [Parse], and choose
// by topic and tenant. Package broadcast/nats carries the same signals over NATS.
package broadcast
