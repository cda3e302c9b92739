package sms

import (
	"crypto/tls"
	"net"
	"net/http"
)

var shared = http.DefaultClient // want

type sender struct {
	client http.Client // want
	taken  *http.Client
}

func send() {
	_, _ = http.Get("https://example.com") // want
	_ = &http.Client{}                     // want
	_ = new(http.Client)                   // want
	_ = &http.Transport{                   // want
		Proxy: http.ProxyFromEnvironment, // want
	}
	var own http.Client // want
	_ = own
	var taken *http.Client
	_, _ = taken.Get("https://example.com")
	_ = http.StatusOK
}

func connect(conn net.Conn) {
	_, _ = net.Dial("tcp", "example.com:443")           // want
	_, _ = net.DialTimeout("tcp", "example.com:443", 1) // want
	_ = net.Dialer{}                                    // want
	_, _ = tls.Dial("tcp", "example.com:443", nil)      // want
	_ = tls.Client(conn, nil)
	_, _ = net.Listen("tcp", "127.0.0.1:0")
}
