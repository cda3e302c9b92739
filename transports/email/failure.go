package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"strings"
	"syscall"
)

// stage is a step of the dialogue, named for people.
type stage string

const (
	stageConnect  stage = "connect"
	stageGreeting stage = "greeting"
	stageHello    stage = "EHLO"
	stageTLS      stage = "TLS"
	stageAuth     stage = "AUTH"
	stageCheck    stage = "check" // of the message against what the server offers
	stageMail     stage = "MAIL"
	stageRcpt     stage = "RCPT"
	stageData     stage = "DATA"
	stageBody     stage = "message"     // written, the final dot excluded
	stageEnd      stage = "end of DATA" // the final dot was sent
)

// fault is what went wrong when the server did not say it with a reply.
type fault string

const (
	faultReply       fault = "" // the server said it
	faultNoHost      fault = "host unknown"
	faultLost        fault = "connection refused or lost"
	faultTimeout     fault = "timeout"
	faultDeadline    fault = "send deadline"
	faultCancelled   fault = "cancelled"
	faultProtocol    fault = "reply not understood"
	faultCertificate fault = "certificate"
	faultTLS         fault = "TLS handshake"
	faultNoTLS       fault = "no STARTTLS"
	faultNoAuth      fault = "no login"
	faultNoUTF8      fault = "no SMTPUTF8"
	faultTooBig      fault = "over SIZE"
)

// failure is how and where a send ended without acceptance.
type failure struct {
	stage    stage
	fault    fault
	code     int    // of the reply, if that is the fault
	enhanced string // "5.1.1", or empty
	text     string // of the reply; for matching, never to be shown
	err      error  // the cause when it is no reply
}

// enhancedCode is a line's enhanced status code (RFC 3463). It stands in front: an IP address in the text is none.
var enhancedCode = regexp.MustCompile(`(?m)^([245]\.\d{1,3}\.\d{1,3})(?:\s|$)`)

// newFailure tells what err is. The context's end explains any broken connection, since it is what closes sockets.
func newFailure(ctx context.Context, at stage, err error) *failure {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return &failure{
			stage:    at,
			code:     reply.Code,
			enhanced: enhancedIn(reply.Code, reply.Msg),
			text:     strings.ToLower(reply.Msg),
		}
	}
	f := &failure{stage: at, fault: faultOf(ctx, at, err), err: err}
	if f.fault == faultDeadline || f.fault == faultCancelled {
		f.err = ctx.Err()
	}
	return f
}

func faultOf(ctx context.Context, at stage, err error) fault {
	var (
		dns       *net.DNSError
		protocol  textproto.ProtocolError
		invalid   *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
	)
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return faultDeadline
	case ctx.Err() != nil:
		return faultCancelled
	case errors.As(err, &invalid), errors.As(err, &authority), errors.As(err, &host):
		return faultCertificate
	case errors.As(err, &dns) && dns.IsNotFound:
		return faultNoHost
	case errors.As(err, &protocol), errors.Is(err, errTalkative):
		return faultProtocol
	case isTimeout(err):
		return faultTimeout
	case at == stageTLS && !isLost(err):
		return faultTLS // both sides are there and do not agree
	}
	return faultLost
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

func isLost(err error) bool {
	var errno syscall.Errno
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &errno)
}

// enhancedIn finds the enhanced code of a reply. One that contradicts the basic code is ignored.
func enhancedIn(code int, text string) string {
	for _, found := range enhancedCode.FindAllStringSubmatch(text, -1) {
		if int(found[1][0]-'0') == code/100 {
			return found[1]
		}
	}
	return ""
}

// refused tells that the server answered in order, so that the dialogue can go on after a reset.
func (f *failure) refused() bool { return f.fault == faultReply && f.code != 421 }

// stale tells that a kept connection had been given up by the server before we said anything on it.
func (f *failure) stale() bool {
	if f.stage != stageMail {
		return false
	}
	switch f.fault {
	case faultLost, faultTimeout, faultProtocol:
		return true
	case faultReply:
		return f.code == 421
	}
	return false
}
