// Package nats carries broadcasts over NATS in place of NOTIFY: for listeners that have no connection to Postgres, and for
// more signals than one database should speak.
//
// A signal is the same JSON, on the subject PREFIX.TENANT.TOPIC (without a tenant PREFIX.TOPIC) with the slashes of the
// topic as dots. It is sent after the receipt was claimed and recorded after the server confirmed it, so it may come
// twice: its id is the same then, and stands in the header Nats-Msg-Id, by which a JetStream stream drops repetitions.
//
// It is a package of its own so that nobody else links the client of NATS.
package nats
