// Package twiliosink is a Twilio on loopback that keeps the texts it is sent, with the answers of the real one. Tests and
// the demo send to it.
//
// It refuses what Twilio's documentation refuses: wrong credentials, numbers that are none or have opted out, senders
// that are not the account's, texts that are missing or too long, callbacks that are no URL. Each refusal has the code of
// https://www.twilio.com/docs/api/errors, whose pages are named beside the checks.
package twiliosink
