// Package job inserts a job into the application's own River, in the transaction that records the receipt: there is a job
// exactly if there is a receipt that says so.
//
// It is for what an event must set going beside telling people: synchronise an order, bill it, warm a cache. A channel
// without an audience inserts one job of an event; one with an audience inserts one for each recipient, whom the
// arguments may name by {{ recipient.id }}.
//
// The application's River lives in a schema of its own, of the same database. It must not be the schema carillon: River
// clients that share a schema work each other's jobs.
package job
