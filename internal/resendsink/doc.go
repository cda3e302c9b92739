// Package resendsink is a Resend on loopback that keeps the mails it is sent, with the answers of the real one. Tests and
// the demo send to it.
//
// It refuses what Resend's documentation refuses, by the names of https://resend.com/docs/api-reference/errors: wrong keys,
// fields that are missing or none, senders of domains that are not verified. It knows a repetition by its idempotency key
// for a day: https://resend.com/docs/dashboard/emails/idempotency-keys.
package resendsink
