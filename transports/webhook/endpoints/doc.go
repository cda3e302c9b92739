// Package endpoints stores where webhooks go: each endpoint of a tenant with its URL, the events it wants, the keys that
// its requests are signed with, and whether it is enabled.
//
// The functions take a pool or a transaction, so that an application can add an endpoint in the transaction that adds
// the customer. A URL is judged by the guard of the transport when it is stored, and again on every send.
//
// Keys are shown once, by [Store.Add] and [Store.Rotate]. A rotation leaves the older key valid for a day, and requests
// are signed with both. Secrets are sealed with AES-256-GCM if [Config].EncryptionKeys has a key, bound to their
// endpoint and tenant; without one they stand in the database as they are, and whoever reads its table can forge
// webhooks.
//
// An endpoint that answers 410 is disabled at once; one that did nothing but fail, after five days, with a warning after
// one. Its receipts then end as skipped(switched_off), and can be reopened after [Store.Enable].
package endpoints
