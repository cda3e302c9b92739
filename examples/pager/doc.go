// Package pager is a transport of an application's own: what it takes to reach a service that Carillon does not bring.
//
// The service is an HTTP endpoint that takes {"to", "text", "tone"} and recognises a repetition by its Idempotency-Key.
// The tests run the conformance suite against a fake of it, and deliver an event through it.
package pager
