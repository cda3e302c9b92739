package email

import (
	"context"
	"errors"
	"net/textproto"
	"regexp"
	"strings"

	"github.com/carillon-notify/carillon/transports/classify"
)

// failure is how and where a send ended without acceptance.
type failure struct {
	stage    classify.Stage
	fault    classify.Fault
	code     int    // of the reply, if that is the fault
	enhanced string // "5.1.1", or empty
	text     string // of the reply; for matching, never to be shown
	err      error  // the cause when it is no reply
}

// enhancedCode is a line's enhanced status code (RFC 3463). It stands in front: an IP address in the text is none.
var enhancedCode = regexp.MustCompile(`(?m)^([245]\.\d{1,3}\.\d{1,3})(?:\s|$)`)

// newFailure tells what err is. The context's end explains any broken connection, since it is what closes sockets.
func newFailure(ctx context.Context, at classify.Stage, err error) *failure {
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
	if f.fault == classify.FaultDeadline || f.fault == classify.FaultCancelled {
		f.err = ctx.Err()
	}
	return f
}

func faultOf(ctx context.Context, at classify.Stage, err error) classify.Fault {
	f := classify.FaultOf(ctx, err)
	switch {
	case f == classify.FaultLost && errors.Is(err, errTalkative):
		return classify.FaultProtocol
	case f == classify.FaultLost && at == classify.StageTLS && !classify.IsBroken(err):
		return classify.FaultTLS // both sides are there and do not agree
	}
	return f
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
func (f *failure) refused() bool { return f.fault == classify.FaultNone && f.code != 421 }

// stale tells that a kept connection had been given up by the server before we said anything on it.
func (f *failure) stale() bool {
	if f.stage != classify.StageMail {
		return false
	}
	switch f.fault {
	case classify.FaultLost, classify.FaultTimeout, classify.FaultProtocol:
		return true
	case classify.FaultNone:
		return f.code == 421
	}
	return false
}

// outcome is the failure as the table takes it.
func (f *failure) outcome(attempt, inARow int) classify.Outcome {
	return classify.Outcome{
		Stage: f.stage, Fault: f.fault, Status: f.code, Code: f.enhanced, Text: f.text, Attempt: attempt, InARow: inARow,
		Err: f.err,
	}
}
