package classify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/textproto"
	"os"
	"syscall"
)

// Fault is what went wrong when the provider did not say it with an answer.
type Fault string

// The faults. Those of [FaultOf] are said by an error; the others, a transport finds itself.
const (
	FaultNone        Fault = "" // the provider answered
	FaultNoHost      Fault = "host unknown"
	FaultResolve     Fault = "host not resolved"
	FaultLost        Fault = "connection refused or lost"
	FaultTimeout     Fault = "timeout"
	FaultDeadline    Fault = "send deadline"
	FaultCancelled   Fault = "cancelled"
	FaultProtocol    Fault = "answer not understood"
	FaultCertificate Fault = "certificate"
	FaultTLS         Fault = "TLS handshake"

	FaultBlocked Fault = "blocked by egress policy"
	FaultNoTLS   Fault = "no STARTTLS"
	FaultNoAuth  Fault = "no login"
	FaultNoUTF8  Fault = "no SMTPUTF8"
	FaultTooBig  Fault = "too big"
)

// FaultOf tells what the error of a connection or a request is. The end of ctx explains any broken connection, since it
// is what closes sockets. What it does not know is [FaultLost].
func FaultOf(ctx context.Context, err error) Fault {
	var dns *net.DNSError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return FaultDeadline
	case ctx.Err() != nil:
		return FaultCancelled
	case isCertificate(err):
		return FaultCertificate
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return FaultNoHost
		}
		return FaultResolve
	case isProtocol(err):
		return FaultProtocol
	case isTimeout(err):
		return FaultTimeout
	case isTLS(err):
		return FaultTLS
	}
	return FaultLost
}

func isCertificate(err error) bool {
	var (
		invalid   *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
	)
	return errors.As(err, &invalid) || errors.As(err, &authority) || errors.As(err, &host)
}

func isProtocol(err error) bool {
	var protocol textproto.ProtocolError
	return errors.As(err, &protocol)
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

// isTLS knows the refusals that crypto/tls has types for; after a handshake a transport knows more by exclusion.
func isTLS(err error) bool {
	var (
		record tls.RecordHeaderError
		op     *net.OpError
	)
	return errors.As(err, &record) || errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// IsBroken tells that err is a connection that ended, rather than something that was said over it.
func IsBroken(err error) bool {
	var errno syscall.Errno
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &errno)
}
