package sms

import "net/http"

var shared = http.DefaultClient // want

func send() {
	_, _ = http.Get("https://example.com") // want
	_ = &http.Client{}                     // want
	_ = new(http.Client)                   // want
	var taken *http.Client
	_, _ = taken.Get("https://example.com")
	_ = http.StatusOK
}
