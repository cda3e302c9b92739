package email

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

// rule is one line of the table: what it applies to, and what that means.
type rule struct {
	stages   []stage  // any, if none is named
	fault    fault    // what happened; a reply, if empty
	codes    []int    // basic codes of the reply; 4 and 5 stand for the whole hundred; any, if none is named
	enhanced []string // enhanced codes; one that ends in a dot stands for all that begin so; any, if none is named
	bare     bool     // only replies without an enhanced code, or with one that says nothing (X.0.0)
	words    []string // one of these is in the reply; any, if none is named

	class  transports.Class
	detail string
	wait   time.Duration    // before another try, at least
	tries  int              // with this attempt the class becomes then
	then   transports.Class // so that what goes on failing does not go on for days
}

// greylisting is how long servers want to be left alone at the least when they ask to come back later.
const greylisting = time.Minute

// toRecipient are the stages whose refusals may be about the recipient: the message has just one.
var toRecipient = []stage{stageRcpt, stageData, stageEnd}

// rules is the table. The first line that fits decides, so enhanced codes stand before the basic ones. What no line
// fits is transient.
var rules = []rule{
	// Without a reply.
	{
		stages: []stage{stageEnd}, fault: faultLost,
		class: transports.Unknown, detail: "the connection was lost after the message and before the answer to it",
	},
	{
		stages: []stage{stageEnd}, fault: faultTimeout,
		class: transports.Unknown, detail: "the server did not answer the finished message in time",
	},
	{
		stages: []stage{stageEnd}, fault: faultDeadline,
		class: transports.Unknown, detail: "the send deadline passed before the finished message was answered",
	},
	{
		stages: []stage{stageEnd}, fault: faultCancelled,
		class: transports.Unknown, detail: "the send was cancelled before the finished message was answered",
	},
	{
		stages: []stage{stageEnd}, fault: faultProtocol,
		class: transports.Unknown, detail: "the answer to the finished message could not be understood",
	},
	{fault: faultDeadline, class: transports.Transient, detail: "the send deadline passed"},
	{fault: faultCancelled, class: transports.Transient, detail: "the send was cancelled"},
	{
		fault: faultNoHost, class: transports.Transient, tries: 3, then: transports.Configuration,
		detail: "the name of the SMTP server does not exist",
	},
	{fault: faultCertificate, class: transports.Configuration, detail: "the server's certificate is not valid for it"},
	{fault: faultTLS, class: transports.Configuration, detail: "the TLS handshake failed"},
	{
		fault: faultNoTLS, class: transports.Configuration,
		detail: "the server offers no STARTTLS, and clear text is not allowed",
	},
	{fault: faultNoAuth, class: transports.Configuration, detail: "the server offers no login by PLAIN or LOGIN"},
	{
		fault: faultNoUTF8, class: transports.Permanent,
		detail: "an address is not ASCII, and the server does not offer SMTPUTF8",
	},
	{fault: faultTooBig, class: transports.Permanent, detail: "the message is larger than the server takes"},
	{stages: []stage{stageConnect}, fault: faultLost, class: transports.Transient, detail: "the server cannot be reached"},
	{fault: faultLost, class: transports.Transient, detail: "the connection was lost"},
	{fault: faultTimeout, class: transports.Transient, detail: "the server did not answer in time"},
	{fault: faultProtocol, class: transports.Transient, detail: "the server's reply could not be understood"},

	// Our side: pressure, credentials, sender.
	{codes: []int{421}, class: transports.Rate, detail: "the server is busy or closing"},
	{
		stages: []stage{stageMail, stageData, stageEnd}, codes: []int{4},
		words: []string{"throttl", "sending rate", "rate exceeded", "rate limit", "quota exceeded"},
		class: transports.Rate, detail: "the server limits our rate",
	},
	{
		codes: []int{530, 534, 535, 538},
		class: transports.Configuration, detail: "the server refuses our credentials or wants some",
	},
	{
		stages: []stage{stageAuth}, codes: []int{5},
		class: transports.Configuration, detail: "the server refuses our way of logging in",
	},
	{stages: []stage{stageAuth}, codes: []int{4}, class: transports.Transient, detail: "the server cannot check logins now"},
	{stages: []stage{stageTLS}, codes: []int{5}, class: transports.Configuration, detail: "the server refuses STARTTLS"},
	{stages: []stage{stageMail}, codes: []int{4}, class: transports.Transient, detail: "the sender is refused for now"},
	{stages: []stage{stageMail}, codes: []int{5}, class: transports.Permanent, detail: "the sender is refused"},

	// Their side: enhanced codes first.
	{
		stages: toRecipient, codes: []int{5}, enhanced: []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"},
		class: transports.Address, detail: "there is no such recipient",
	},
	{
		stages: toRecipient, codes: []int{5}, enhanced: []string{"5.2.2"}, wait: greylisting,
		class: transports.Transient, tries: 3, then: transports.Permanent, detail: "the recipient's mailbox is full",
	},
	{
		stages: toRecipient, codes: []int{5}, enhanced: []string{"5.2.1"},
		class: transports.Permanent, detail: "the recipient's mailbox is disabled or receives too fast",
	},
	{
		stages: []stage{stageRcpt}, codes: []int{550}, enhanced: []string{"5.4.1"}, // Exchange Online, unknown recipient
		class: transports.Permanent, detail: "the recipient's organisation refuses it",
	},
	{
		stages: toRecipient, codes: []int{5}, enhanced: []string{"5.3.4"},
		class: transports.Permanent, detail: "the message is too big",
	},
	{
		stages: toRecipient, codes: []int{5}, enhanced: []string{"5.7."},
		class: transports.Permanent, detail: "the message is refused by policy or as spam",
	},
	{
		stages: []stage{stageRcpt}, codes: []int{551, 553}, bare: true,
		class: transports.Address, detail: "there is no such recipient here",
	},
	{
		stages: toRecipient, codes: []int{552}, bare: true, wait: greylisting,
		class: transports.Transient, tries: 3, then: transports.Permanent,
		detail: "the recipient's storage is exceeded",
	},
	{
		stages: toRecipient, codes: []int{550, 554}, bare: true,
		class: transports.Permanent, detail: "the message is refused for good, without a reason",
	},
	{
		stages: []stage{stageRcpt}, codes: []int{450, 451, 452}, wait: greylisting,
		class: transports.Transient, detail: "the recipient is refused for now",
	},
	{
		stages: []stage{stageData, stageEnd}, codes: []int{4},
		class: transports.Transient, detail: "the message is refused for now",
	},
}

// classify says what a failure means on the given attempt. It fits every failure.
func classify(f *failure, attempt int) *transports.Error {
	e := &transports.Error{
		Class:  transports.Transient,
		Code:   strings.TrimSpace(strconv.Itoa(f.code) + " " + f.enhanced),
		Detail: fmt.Sprintf("the server refused at %s for a reason that is not classified", f.stage),
		Err:    f.err,
	}
	if f.fault != faultReply {
		e.Code = ""
	}
	i := slices.IndexFunc(rules, func(r rule) bool { return r.fits(f) })
	if i < 0 {
		return e
	}
	r := rules[i]
	e.Class, e.Detail, e.RetryAfter = r.class, r.detail, r.wait
	if r.tries > 0 && attempt >= r.tries {
		e.Class, e.RetryAfter = r.then, 0
	}
	return e
}

func (r rule) fits(f *failure) bool {
	if r.fault != f.fault || len(r.stages) > 0 && !slices.Contains(r.stages, f.stage) {
		return false
	}
	if len(r.codes) > 0 && !slices.Contains(r.codes, f.code) && !slices.Contains(r.codes, f.code/100) {
		return false
	}
	if r.bare && f.enhanced != "" && !strings.HasSuffix(f.enhanced, ".0.0") {
		return false
	}
	if len(r.enhanced) > 0 && !slices.ContainsFunc(r.enhanced, func(code string) bool {
		return code == f.enhanced || strings.HasSuffix(code, ".") && strings.HasPrefix(f.enhanced, code)
	}) {
		return false
	}
	return len(r.words) == 0 || slices.ContainsFunc(r.words, func(w string) bool { return strings.Contains(f.text, w) })
}
