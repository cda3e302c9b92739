package egress

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Config is how a client behaves. The zero value is safe.
type Config struct {
	// Policy says where requests may go.
	Policy Policy
	// Concurrency is how many requests are usually under way at once; as many idle connections are kept. Defaults to 32.
	Concurrency int
	// ConnectTimeout bounds DNS and connecting. Defaults to 10 s, as does TLSTimeout for the handshake.
	ConnectTimeout time.Duration
	TLSTimeout     time.Duration
	// AnswerTimeout bounds the wait for the answer's head once the request is written. Defaults to 20 s.
	AnswerTimeout time.Duration
	// BodyTimeout bounds the reading of the answer's body in [Client.Do]. Defaults to 5 s.
	BodyTimeout time.Duration
	// Timeout bounds a request from the first look-up to the last byte of the answer. Defaults to 30 s.
	Timeout time.Duration
	// MaxBody is how much of an answer is read, in bytes. Defaults to 64 KiB.
	MaxBody int64
	// Secrets never show up in an error.
	Secrets []string
	// Proxy connects for us, such as "http://proxy.internal:3128". It then decides which addresses may be reached;
	// only URLs are judged here. The environment's proxies are never asked. Defaults to none.
	Proxy string
	// RootCAs are who may sign servers' certificates. Defaults to the system's.
	RootCAs *x509.CertPool
	// Resolver looks names up. Defaults to [net.DefaultResolver].
	Resolver *net.Resolver
}

// maxHead bounds the head of an answer, in bytes.
const maxHead = 64 << 10

func (c *Config) withDefaults() Config {
	var full Config
	if c != nil {
		full = *c
	}
	full.Concurrency = cmp.Or(full.Concurrency, 32)
	full.ConnectTimeout = cmp.Or(full.ConnectTimeout, 10*time.Second)
	full.TLSTimeout = cmp.Or(full.TLSTimeout, 10*time.Second)
	full.AnswerTimeout = cmp.Or(full.AnswerTimeout, 20*time.Second)
	full.BodyTimeout = cmp.Or(full.BodyTimeout, 5*time.Second)
	full.Timeout = cmp.Or(full.Timeout, 30*time.Second)
	full.MaxBody = cmp.Or(full.MaxBody, 64<<10)
	return full
}

func (c *Config) validate() (proxy *url.URL, err error) {
	for _, bound := range []struct {
		name  string
		value int64
	}{
		{"Concurrency", int64(c.Concurrency)},
		{"ConnectTimeout", int64(c.ConnectTimeout)},
		{"TLSTimeout", int64(c.TLSTimeout)},
		{"AnswerTimeout", int64(c.AnswerTimeout)},
		{"BodyTimeout", int64(c.BodyTimeout)},
		{"Timeout", int64(c.Timeout)},
		{"MaxBody", c.MaxBody},
	} {
		if bound.value < 0 {
			return nil, fmt.Errorf("new egress client: Config.%s is negative", bound.name)
		}
	}
	if c.Proxy == "" {
		return nil, nil
	}
	proxy, err = url.Parse(c.Proxy)
	if err != nil || proxy.Host == "" || (proxy.Scheme != "http" && proxy.Scheme != "https") {
		return nil, fmt.Errorf("new egress client: Config.Proxy is not the URL of an HTTP proxy (write http://host:port)")
	}
	return proxy, nil
}

// Client sends requests under a policy. It is safe for concurrent use.
type Client struct {
	config    Config
	transport *http.Transport
}

// New makes a client.
func New(cfg *Config) (*Client, error) {
	c := &Client{config: cfg.withDefaults()}
	proxy, err := c.config.validate()
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: c.config.ConnectTimeout, Resolver: c.config.Resolver, ControlContext: c.guard}
	c.transport = &http.Transport{
		DialContext:           dialer.DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: c.config.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   c.config.TLSTimeout,
		ResponseHeaderTimeout: c.config.AnswerTimeout,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConns:          c.config.Concurrency,
		MaxIdleConnsPerHost:   c.config.Concurrency,
		// A packed answer is not asked for and never unpacked, so a small one cannot become a big one.
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHead,
		// A dialer of one's own turns HTTP/2 off unless told.
		ForceAttemptHTTP2: true,
	}
	if proxy != nil {
		dialer.ControlContext = nil
		c.transport.Proxy = http.ProxyURL(proxy)
	}
	return c, nil
}

// Policy is what the client was made with, for checking a URL when it is saved.
func (c *Client) Policy() *Policy { return &c.config.Policy }

// HTTPClient is the client for a provider's SDK. It is guarded in the same way, but net/http puts the URL into its
// errors: pass those through [Client.Wrap]. Reading a body ends with an error at the limit.
func (c *Client) HTTPClient() *http.Client {
	return &http.Client{Transport: roundTripper{c}, CheckRedirect: keep, Timeout: c.config.Timeout}
}

// Close closes the idle connections.
func (c *Client) Close(context.Context) error {
	c.transport.CloseIdleConnections()
	return nil
}

// keep makes a redirect an answer like any other.
func keep(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
