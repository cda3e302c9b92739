// Package signature signs and verifies webhooks as Standard Webhooks asks. It imports the standard library alone, so
// that a receiver which only verifies links nothing else.
//
// A request carries three headers: webhook-id, the same on every try; webhook-timestamp, of this try; and
// webhook-signature, a list of signatures over "id.timestamp.body" with every key that is valid at the time. A receiver
// reads the body, verifies it with [Verify] before it parses anything, and then drops ids that it has seen.
//
// Keys are text: whsec_… is a shared secret of 24 to 64 bytes (HMAC-SHA256, signatures "v1"), whsk_… the secret and
// whpk_… the public half of an ed25519 pair (signatures "v1a").
//
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
package signature
