package classify

import (
	"time"

	"github.com/carillon-notify/carillon/transports"
)

const (
	// greylisting is how long servers want to be left alone at the least when they ask to come back later.
	greylisting = time.Minute
	// fullTries is when a full mailbox is given up; nobody empties it because of one more try.
	fullTries = 3
	// refusedInARow is how many refusals by policy, with nothing accepted between them, make it likely that they are about
	// us. Up to then each is held to be about its message.
	refusedInARow = 10
)

// SMTP is the table of mail servers. Its outcomes have the reply's basic code as Status and the enhanced one (RFC 3463)
// as Code. Enhanced codes decide before basic ones, since servers use the basic ones freely.
func SMTP() Table { return smtpTable }

// toRecipient are the stages whose refusals may be about the recipient: the message has just one.
var toRecipient = []Stage{StageRcpt, StageData, StageEnd}

var smtpTable = Table{name: "SMTP", rules: []Rule{
	// Without a reply, after the final dot: nobody can know.
	{
		Name: "EndLost", Stages: []Stage{StageEnd}, Faults: []Fault{FaultLost},
		Class: transports.Unknown, Detail: "the connection was lost after the message and before the answer to it",
	},
	{
		Name: "EndTimeout", Stages: []Stage{StageEnd}, Faults: []Fault{FaultTimeout},
		Class: transports.Unknown, Detail: "the server did not answer the finished message in time",
	},
	{
		Name: "EndDeadline", Stages: []Stage{StageEnd}, Faults: []Fault{FaultDeadline},
		Class: transports.Unknown, Detail: "the send deadline passed before the finished message was answered",
	},
	{
		Name: "EndCancelled", Stages: []Stage{StageEnd}, Faults: []Fault{FaultCancelled},
		Class: transports.Unknown, Detail: "the send was cancelled before the finished message was answered",
	},
	{
		Name: "EndGarbage", Stages: []Stage{StageEnd}, Faults: []Fault{FaultProtocol},
		Class: transports.Unknown, Detail: "the answer to the finished message could not be understood",
	},

	// Without a reply, before it.
	{Name: "Deadline", Faults: []Fault{FaultDeadline}, Class: transports.Transient, Detail: "the send deadline passed"},
	{Name: "Cancelled", Faults: []Fault{FaultCancelled}, Class: transports.Transient, Detail: "the send was cancelled"},
	{
		Name: "NoHost", Faults: []Fault{FaultNoHost}, Class: transports.Transient, Tries: 3, Then: transports.Configuration,
		Detail: "the name of the SMTP server does not exist",
	},
	{
		Name: "NotResolved", Faults: []Fault{FaultResolve},
		Class: transports.Transient, Detail: "the name of the SMTP server cannot be looked up now",
	},
	{
		Name: "Certificate", Faults: []Fault{FaultCertificate},
		Class: transports.Configuration, Detail: "the server's certificate is not valid for it",
	},
	{Name: "Handshake", Faults: []Fault{FaultTLS}, Class: transports.Configuration, Detail: "the TLS handshake failed"},
	{
		Name: "NoStartTLS", Faults: []Fault{FaultNoTLS}, Class: transports.Configuration,
		Detail: "the server offers no STARTTLS, and clear text is not allowed",
	},
	{
		Name: "NoLogin", Faults: []Fault{FaultNoAuth}, Class: transports.Configuration,
		Detail: "the server offers no way of logging in that we have",
	},
	{
		Name: "NoUTF8", Faults: []Fault{FaultNoUTF8}, Class: transports.Permanent,
		Detail: "an address is not ASCII, and the server does not offer SMTPUTF8",
	},
	{
		Name: "OverSize", Faults: []Fault{FaultTooBig},
		Class: transports.Permanent, Detail: "the message is larger than the server takes",
	},
	{
		Name: "Unreachable", Stages: []Stage{StageConnect}, Faults: []Fault{FaultLost},
		Class: transports.Transient, Detail: "the server cannot be reached",
	},
	{Name: "Lost", Faults: []Fault{FaultLost}, Class: transports.Transient, Detail: "the connection was lost"},
	{Name: "Timeout", Faults: []Fault{FaultTimeout}, Class: transports.Transient, Detail: "the server did not answer in time"},
	{
		Name: "Garbage", Faults: []Fault{FaultProtocol},
		Class: transports.Transient, Detail: "the server's reply could not be understood",
	},

	// Replies about us: pressure, credentials, sender.
	{Name: "Busy", Status: []int{421}, Class: transports.Rate, Detail: "the server is busy or closing"},
	{
		Name: "Throttled", Stages: []Stage{StageMail, StageData, StageEnd}, Status: []int{4},
		Words: []string{"throttl", "sending rate", "rate exceeded", "rate limit", "quota exceeded"},
		Class: transports.Rate, Detail: "the server limits our rate",
	},
	{
		Name: "Credentials", Status: []int{530, 534, 535, 538},
		Class: transports.Configuration, Detail: "the server refuses our credentials or wants some",
	},
	{
		Name: "LoginRefused", Stages: []Stage{StageAuth}, Status: []int{5},
		Class: transports.Configuration, Detail: "the server refuses our way of logging in",
	},
	{
		Name: "LoginLater", Stages: []Stage{StageAuth}, Status: []int{4},
		Class: transports.Transient, Detail: "the server cannot check logins now",
	},
	{
		Name: "StartTLSRefused", Stages: []Stage{StageTLS}, Status: []int{5},
		Class: transports.Configuration, Detail: "the server refuses STARTTLS",
	},
	{
		Name: "StartTLSLater", Stages: []Stage{StageTLS}, Status: []int{4},
		Class: transports.Transient, Detail: "the server cannot do STARTTLS now",
	},
	{
		Name: "GreetingRefused", Stages: []Stage{StageGreeting, StageHello}, Status: []int{4, 5},
		Class: transports.Transient, Detail: "the server does not want to talk to us",
	},
	{
		Name: "SenderLater", Stages: []Stage{StageMail}, Status: []int{4},
		Class: transports.Transient, Detail: "the sender is refused for now",
	},
	{
		Name: "SenderRefused", Stages: []Stage{StageMail}, Status: []int{5},
		Class: transports.Permanent, InARow: refusedInARow, Then: transports.Configuration, Detail: "the sender is refused",
	},

	// Replies about them: enhanced codes first.
	{
		Name: "NoRecipient", Stages: toRecipient, Status: []int{5},
		Codes: []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"},
		Class: transports.Address, Detail: "there is no such recipient",
	},
	{
		Name: "MailboxFull", Stages: toRecipient, Status: []int{5}, Codes: []string{"5.2.2"}, Wait: greylisting,
		Class: transports.Transient, Tries: fullTries, Then: transports.Permanent, Detail: "the recipient's mailbox is full",
	},
	{
		Name: "MailboxDisabled", Stages: toRecipient, Status: []int{5}, Codes: []string{"5.2.1"}, // Gmail: receives too fast
		Class: transports.Permanent, Detail: "the recipient's mailbox is disabled or receives too fast",
	},
	{
		Name: "Exchange", Stages: []Stage{StageRcpt}, Status: []int{550}, Codes: []string{"5.4.1"}, // unknown recipient, mostly
		Class: transports.Permanent, Detail: "the recipient's organisation refuses it",
	},
	{
		Name: "TooBig", Stages: toRecipient, Status: []int{5}, Codes: []string{"5.3.4"},
		Class: transports.Permanent, Detail: "the message is too big",
	},
	{
		Name: "Policy", Stages: toRecipient, Status: []int{5}, Codes: []string{"5.7."},
		Class: transports.Permanent, InARow: refusedInARow, Then: transports.Configuration,
		Detail: "the message is refused by policy or as spam",
	},
	{
		Name: "NotHere", Stages: []Stage{StageRcpt}, Status: []int{551, 553}, Bare: true,
		Class: transports.Address, Detail: "there is no such recipient here",
	},
	{
		Name: "TooBigBare", Stages: toRecipient, Status: []int{552}, Bare: true,
		Words: []string{"message size", "too large", "too big", "size limit"},
		Class: transports.Permanent, Detail: "the message is too big",
	},
	{
		Name: "StorageExceeded", Stages: toRecipient, Status: []int{552}, Bare: true, Wait: greylisting,
		Class: transports.Transient, Tries: fullTries, Then: transports.Permanent,
		Detail: "the recipient's storage is exceeded",
	},
	{
		Name: "RefusedForGood", Stages: toRecipient, Status: []int{550, 554}, Bare: true,
		Class: transports.Permanent, InARow: refusedInARow, Then: transports.Configuration,
		Detail: "the message is refused for good, without a reason",
	},
	{
		Name: "Greylisted", Stages: []Stage{StageRcpt}, Status: []int{450, 451, 452}, Wait: greylisting,
		Class: transports.Transient, Detail: "the recipient is refused for now",
	},
	{
		Name: "RefusedForNow", Stages: toRecipient, Status: []int{4},
		Class: transports.Transient, Detail: "the message is refused for now",
	},
}}
