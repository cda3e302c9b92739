// Package webhook sends events to HTTP endpoints as Standard Webhooks asks: a stable webhook-id, a timestamp and
// signatures of each try, and the same bytes every time.
//
// A recipient is an endpoint that is stored with its URL and keys (package endpoints), found by the audience
// dispatch.Endpoints; or a fixed URL in the declarations, signed with the keys of the configuration. Nothing goes out
// unsigned.
//
// Requests leave through the egress guard: https to public addresses, unless an operator opens more; redirects are never
// followed. 2xx is success, all else is tried again on the schedule; 410 disables the endpoint, as does failing for days.
//
// A receiver verifies with package signature, which links nothing of this one.
//
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
package webhook
