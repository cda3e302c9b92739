package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
)

// guard is called with every address right before a connection to it is made: what DNS said is settled by then.
func (c *Client) guard(_ context.Context, network, address string, _ syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return refuse(RuleAddress, "", "not a TCP connection")
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse(RuleAddress, "", "not an address")
	}
	if err := c.config.Policy.CheckAddr(to.Addr()); err != nil {
		return err
	}
	if !c.config.Policy.allowed(to.Addr()) && !c.config.Policy.portAllowed(to.Port()) {
		return refuse(RulePort, "", "port %d is not allowed", to.Port())
	}
	return nil
}

// roundTripper is the client as SDKs use it.
type roundTripper struct{ client *Client }

// RoundTrip checks the URL, sends, and bounds the answer.
func (rt roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	res, tracked, err := rt.client.roundTrip(req)
	if err != nil {
		return nil, rt.client.wrap(req, tracked, err)
	}
	res.Body = &boundedBody{body: res.Body, left: rt.client.config.MaxBody}
	return res, nil
}

// roundTrip is the one place where a request leaves. It closes the request's body, as net/http asks.
func (c *Client) roundTrip(req *http.Request) (*http.Response, *progress, error) {
	tracked := &progress{}
	checked, err := c.config.Policy.CheckURL(req.URL.String())
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, tracked, err
	}
	sent := req.Clone(tracked.trace(req.Context()))
	sent.URL = checked
	if sent.Host == req.URL.Host {
		sent.Host = ""
	}
	res, err := c.transport.RoundTrip(sent)
	return res, tracked, err
}

// ErrBodyTooLarge is returned by reads of an answer's body past the limit, by clients of [Client.HTTPClient].
var ErrBodyTooLarge = errors.New("the answer is larger than we read")

// boundedBody reads up to a limit, and lets the connection be used again if the answer ended before it.
type boundedBody struct {
	body io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if n, err := b.body.Read(make([]byte, 1)); n == 0 && err != nil {
			return 0, err
		}
		return 0, ErrBodyTooLarge
	}
	n, err := b.body.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		// The cause may print addresses, and the head of the answer has arrived anyway.
		err = fmt.Errorf("the answer was cut off: %w", err)
	}
	return n, err
}

// Close closes the body. What is left of it is not read: that could last.
func (b *boundedBody) Close() error { return b.body.Close() }
