package sms_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
)

// FuzzForm: whatever a text holds, a request has the fields that it should have, each once, and goes to the one number.
func FuzzForm(f *testing.F) {
	for _, seed := range []string{
		"hello", "a&To=%2B4915112345679", "x\r\nTo: +1", "%00%0d%0a", "+ & = ; #", "\x00", "漢字 👩‍👩‍👧", "\u202egpj", strings.Repeat("long ", 400),
	} {
		f.Add(seed, seed)
	}
	transport, sink := setup(f, nil, nil)
	f.Fuzz(func(t *testing.T, text, label string) {
		m := full()
		m.ReceiptID = uuid.New()
		m.Content = transports.Content{Message: text, ActionURL: "https://shop.example.com/?q=" + url.QueryEscape(label)}
		before := len(sink.Messages())
		_, err := transport.Send(t.Context(), m)
		after := sink.Messages()
		if err != nil {
			if len(after) != before {
				t.Fatalf("%q was refused, and sent", text)
			}
			return
		}
		if len(after) != before+1 {
			t.Fatalf("%q is %d messages", text, len(after)-before)
		}
		got := after[before]
		form, err := url.ParseQuery(string(got.Raw))
		if err != nil {
			t.Fatalf("%q makes a form that cannot be read: %v", text, err)
		}
		for name, values := range form {
			if len(values) != 1 {
				t.Fatalf("%q gives %s %d times", text, name, len(values))
			}
		}
		if len(form) != 3 || got.To != phone || got.From != "+15005550006" {
			t.Fatalf("%q gives the fields %v", text, form)
		}
		if !utf8.ValidString(got.Body) || strings.ContainsRune(got.Body, 0) {
			t.Fatalf("%q arrives as %q", text, got.Body)
		}
	})
}
