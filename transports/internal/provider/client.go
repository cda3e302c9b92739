package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/carillon-notify/carillon/internal/egress"
	"github.com/carillon-notify/carillon/transports/classify"
)

// maxTimeout is the longest that a send may take, in line with the lease that it runs under.
const maxTimeout = time.Minute

// CheckTimeout says what is wrong with a configured timeout.
func CheckTimeout(d time.Duration) error {
	if d < 0 || d > maxTimeout {
		return fmt.Errorf("is %s (at most %s)", d, maxTimeout)
	}
	return nil
}

// ParseURL reads a URL of the configuration. It leads over https to one of the service's hosts, or to any if there is no
// list of them, or, for tests and demonstrations, to this machine. The error does not repeat it: it is a credential,
// mostly.
func ParseURL(raw string, hosts []string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return nil, errors.New("is not a URL")
	}
	switch {
	case isLoopback(u.Hostname()):
		if u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("must begin with https://")
		}
	case u.Scheme != "https":
		return nil, errors.New("must begin with https://")
	case len(hosts) > 0 && (!slices.Contains(hosts, u.Hostname()) || u.Port() != ""):
		return nil, fmt.Errorf("must lead to one of %v", hosts)
	}
	return u, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// Client sends requests to one service. It is safe for concurrent use.
type Client struct {
	egress *egress.Client
	closed atomic.Bool
}

// ErrClosed is what a request after [Client.Close] fails with.
var ErrClosed = errors.New("the transport is closed")

// Config describes a [Client].
type Config struct {
	// URLs are where it leads, as [ParseURL] accepted them. Plain http and this machine's own addresses are open to it only
	// if one of them leads there.
	URLs []*url.URL
	// Allow lists ranges of addresses that are open although they are not public.
	Allow []netip.Prefix
	// Timeout bounds one request, from the first look-up to the last byte of the answer.
	Timeout time.Duration
	// Secrets never show up in an error.
	Secrets []string
}

// NewClient makes a client.
func NewClient(c Config) (*Client, error) {
	cfg := egress.Config{Timeout: c.Timeout, AnswerTimeout: c.Timeout, Secrets: c.Secrets}
	cfg.Policy.Allow = slices.Clone(c.Allow)
	cfg.Policy.Ports = []uint16{443}
	for _, u := range c.URLs {
		if port, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
			cfg.Policy.Ports = append(cfg.Policy.Ports, uint16(port))
		}
		if !isLoopback(u.Hostname()) {
			cfg.Policy.Hosts = append(cfg.Policy.Hosts, u.Hostname())
			continue
		}
		cfg.Policy.AllowHTTP = true
		cfg.Policy.Allow = append(cfg.Policy.Allow, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
	}
	if len(cfg.Policy.Allow) > 0 {
		// A list of names would exclude addresses.
		cfg.Policy.Hosts, cfg.Policy.Ports = nil, append(cfg.Policy.Ports, 80)
	}
	client, err := egress.New(&cfg)
	if err != nil {
		return nil, err
	}
	return &Client{egress: client}, nil
}

// Post sends a body of JSON, as [Client.Do] does.
func (c *Client) Post(ctx context.Context, to string, header http.Header, body []byte) (*egress.Response, *classify.Outcome) {
	typed := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	maps.Copy(typed, header)
	return c.Do(ctx, http.MethodPost, to, typed, body)
}

// Do sends a request. Without an answer, the outcome says why, and whether the request may have left.
func (c *Client) Do(ctx context.Context, method, to string, header http.Header, body []byte) (*egress.Response, *classify.Outcome) {
	if c.closed.Load() {
		return nil, &classify.Outcome{Stage: classify.StageRequest, Fault: classify.FaultLost, Err: ErrClosed}
	}
	traced, request := classify.Trace(ctx)
	r, err := http.NewRequestWithContext(traced, method, to, bytes.NewReader(body))
	if err != nil {
		return nil, &classify.Outcome{Stage: classify.StageRequest, Fault: classify.FaultBlocked, Err: err}
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("User-Agent", "Carillon (https://github.com/carillon-notify/carillon)")
	answer, err := c.egress.Do(r)
	if err == nil {
		return answer, nil
	}
	o := request.Failed(ctx, err)
	var failed *egress.Error
	if errors.As(err, &failed) && failed.Phase == egress.PhasePolicy {
		o.Fault = classify.FaultBlocked
	}
	return nil, &o
}

// Close closes the idle connections. Later requests fail.
func (c *Client) Close(ctx context.Context) error {
	c.closed.Store(true)
	return c.egress.Close(ctx)
}

// Answered is the outcome that an answer describes; code is the provider's own.
func Answered(answer *egress.Response, code, wait string, attempt int, now time.Time) classify.Outcome {
	if wait == "" {
		wait = answer.Header.Get("Retry-After")
	}
	return classify.Outcome{
		Stage: classify.StageAnswer, Status: answer.Status, Code: code, Attempt: attempt,
		RetryAfter: classify.RetryAfter(wait, answer.Header.Get("Date"), now),
	}
}
