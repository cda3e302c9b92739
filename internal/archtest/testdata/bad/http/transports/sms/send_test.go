package sms_test

import "net/http"

var client = http.DefaultClient
