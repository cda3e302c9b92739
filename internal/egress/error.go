package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Phase is how far a request came.
type Phase string

// The phases, in their order.
const (
	// PhasePolicy is where a rule refused the URL or the address. Nothing left.
	PhasePolicy Phase = "policy"
	// PhaseStart is before the look-up, as when the context had ended already.
	PhaseStart Phase = "start"
	// PhaseDNS is the look-up of the name.
	PhaseDNS Phase = "dns"
	// PhaseConnect is the connection to an address.
	PhaseConnect Phase = "connect"
	// PhaseTLS is the handshake, the certificate's check included.
	PhaseTLS Phase = "tls"
	// PhaseWrite is the writing of the request.
	PhaseWrite Phase = "write"
	// PhaseRead is the wait for the answer's head.
	PhaseRead Phase = "read"
)

// Error says why there was no answer. Its text bears no path, no query and no secret. It is returned by every request
// of a [Client] and by [Policy.CheckURL] and [Policy.CheckAddr].
type Error struct {
	// Phase is how far the request came.
	Phase Phase
	// Rule is what refused, if Phase is [PhasePolicy]: one of the Rule… constants.
	Rule string
	// Host is where the request was to go; it may be empty.
	Host string
	// Detail says what went wrong; at most 1 KiB.
	Detail string
	// Written says that the whole request had been handed to the connection, so that the receiver may have acted on it.
	Written bool
	// Err is the cause, for errors.Is. It is never printed.
	Err error
}

// Error says phase, host and detail.
func (e *Error) Error() string {
	text := string(e.Phase)
	if e.Host != "" {
		text += " " + e.Host
	}
	if e.Rule != "" {
		text += ": " + e.Rule
	}
	return text + ": " + e.Detail
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func refuse(rule, host, format string, args ...any) *Error {
	return &Error{Phase: PhasePolicy, Rule: rule, Host: host, Detail: fmt.Sprintf(format, args...)}
}

// explain puts a cause into words of our own, where there are some; net/http and its friends print URLs, addresses of
// resolvers and what a server said.
func explain(err error) (phase Phase, words string) {
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		return "", "the request was cancelled"
	case errors.As(err, &dns):
		return PhaseDNS, dnsWords(dns)
	case errors.As(err, &certificate):
		return PhaseTLS, certificateWords(certificate.Err)
	case errors.As(err, &record):
		return PhaseTLS, "the server does not speak TLS"
	case errors.As(err, &alert):
		return PhaseTLS, "the server refused the handshake"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "", "timed out"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "", "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "", "connection reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "", "no route to the host"
	}
	return "", ""
}

func dnsWords(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "no such host"
	case err.IsTimeout:
		return "the name server did not answer"
	}
	return "the name server failed"
}

func certificateWords(err error) string {
	var expired x509.CertificateInvalidError
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	switch {
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return "the certificate has expired or is not yet valid"
	case errors.As(err, &name):
		return "the certificate is for another name"
	case errors.As(err, &authority):
		return "the certificate is signed by nobody we trust"
	}
	return "the certificate is not valid"
}
