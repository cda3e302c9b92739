package email_test

import (
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
	"github.com/carillon-notify/carillon/transports/email"
)

const wait = time.Minute // what greylisting and full mailboxes are given

// TestRepliesAreClassified provokes each reply at a real server.
func TestRepliesAreClassified(t *testing.T) {
	t.Parallel()
	connect := func(a smtpsink.Answer) smtpsink.Config { return smtpsink.Config{ConnectFunc: always(a)} }
	mail := func(a smtpsink.Answer) smtpsink.Config { return smtpsink.Config{MailFunc: always(a)} }
	rcpt := func(a smtpsink.Answer) smtpsink.Config { return smtpsink.Config{RcptFunc: always(a)} }
	data := func(a smtpsink.Answer) smtpsink.Config { return smtpsink.Config{DataFunc: always(a)} }
	at := func(stage func(smtpsink.Answer) smtpsink.Config, code int, enhanced string) smtpsink.Config {
		return stage(refuse(code, enhanced))
	}
	tests := []struct {
		name    string
		config  smtpsink.Config
		attempt int
		class   transports.Class
		wait    time.Duration
	}{
		{name: "GreetingBusy", config: at(connect, 421, "4.7.0"), class: transports.Rate},
		{name: "GreetingRefused", config: at(connect, 554, "5.7.1"), class: transports.Transient},
		{name: "MailBusy", config: at(mail, 421, "4.4.2"), class: transports.Rate},
		{name: "MailLater", config: at(mail, 451, "4.3.0"), class: transports.Transient},
		{name: "MailSenderUnknown", config: at(mail, 550, "5.1.8"), class: transports.Permanent},
		{name: "MailSenderPolicy", config: at(mail, 553, "5.7.1"), class: transports.Permanent},
		{name: "MailLoginWanted", config: at(mail, 530, "5.7.0"), class: transports.Configuration},
		{name: "RcptBusy", config: at(rcpt, 421, "4.7.0"), class: transports.Rate},
		{name: "RcptUnavailable", config: at(rcpt, 450, "4.2.1"), class: transports.Transient, wait: wait},
		{name: "RcptGreylisted", config: at(rcpt, 451, "4.7.1"), class: transports.Transient, wait: wait},
		{name: "RcptFullForNow", config: at(rcpt, 452, "4.2.2"), class: transports.Transient, wait: wait},
		{name: "RcptTooMany", config: at(rcpt, 452, "4.5.3"), class: transports.Transient, wait: wait},
		{name: "RcptUnknown", config: at(rcpt, 550, "5.1.1"), class: transports.Address},
		{name: "RcptUnknownDomain", config: at(rcpt, 550, "5.1.2"), class: transports.Address},
		{name: "RcptBadSyntax", config: at(rcpt, 501, "5.1.3"), class: transports.Address},
		{name: "RcptMoved", config: at(rcpt, 550, "5.1.6"), class: transports.Address},
		{name: "RcptNullMX", config: at(rcpt, 556, "5.1.10"), class: transports.Address},
		{name: "RcptNotLocal", config: at(rcpt, 551, ""), class: transports.Address},
		{name: "RcptNotAllowed", config: at(rcpt, 553, ""), class: transports.Address},
		{name: "RcptRelayDenied", config: at(rcpt, 553, "5.7.1"), class: transports.Permanent},
		{name: "RcptNotLocalPolicy", config: at(rcpt, 551, "5.7.1"), class: transports.Permanent},
		{name: "RcptFull", config: at(rcpt, 552, "5.2.2"), class: transports.Transient, wait: wait},
		{name: "RcptFullOtherCode", config: at(rcpt, 550, "5.2.2"), class: transports.Transient, wait: wait},
		{name: "RcptFullAgain", config: at(rcpt, 552, "5.2.2"), attempt: 2, class: transports.Transient, wait: wait},
		{name: "RcptFullForLong", config: at(rcpt, 552, "5.2.2"), attempt: 3, class: transports.Permanent},
		{name: "RcptDisabled", config: at(rcpt, 550, "5.2.1"), class: transports.Permanent},
		{name: "RcptPolicy", config: at(rcpt, 550, "5.7.1"), class: transports.Permanent},
		{name: "RcptPolicyOther", config: at(rcpt, 550, "5.7.606"), class: transports.Permanent},
		{name: "RcptExchangeUnknown", config: at(rcpt, 550, "5.4.1"), class: transports.Permanent},
		{name: "RcptLoginWanted", config: at(rcpt, 530, "5.7.0"), class: transports.Configuration},
		{name: "RcptWithoutReason", config: at(rcpt, 550, ""), class: transports.Permanent},
		{name: "RcptWithoutReasonZero", config: at(rcpt, 550, "5.0.0"), class: transports.Permanent},
		{name: "RcptUnlisted", config: at(rcpt, 599, "5.9.9"), class: transports.Transient},
		{name: "DataThrottledBySES", config: data(smtpsink.Refuse(454, "", "Throttling failure: Maximum sending rate exceeded.")), class: transports.Rate},
		{name: "DataQuota", config: data(smtpsink.Refuse(454, "4.7.0", "Daily message quota exceeded")), class: transports.Rate},
		{name: "DataThrottled452", config: data(smtpsink.Refuse(452, "4.3.1", "throttled")), class: transports.Rate},
		{name: "DataLater451", config: at(data, 451, "4.3.0"), class: transports.Transient},
		{name: "DataLater452", config: at(data, 452, "4.3.1"), class: transports.Transient},
		{name: "DataLater454", config: at(data, 454, "4.7.0"), class: transports.Transient},
		{name: "DataBusy", config: at(data, 421, "4.3.2"), class: transports.Rate},
		{name: "DataTooBig", config: at(data, 552, "5.3.4"), class: transports.Permanent},
		{name: "DataFull", config: at(data, 552, "5.2.2"), class: transports.Transient, wait: wait},
		{name: "DataFullForLong", config: at(data, 552, "5.2.2"), attempt: 4, class: transports.Permanent},
		{name: "DataSpam", config: at(data, 554, "5.7.1"), class: transports.Permanent},
		{name: "DataUnauthenticated", config: at(data, 550, "5.7.26"), class: transports.Permanent},
		{name: "DataUnknownRecipient", config: at(data, 550, "5.1.1"), class: transports.Address},
		{name: "DataWithoutReason", config: at(data, 554, ""), class: transports.Permanent},
		{name: "DataUnlisted", config: at(data, 500, "5.5.2"), class: transports.Transient},
		{name: "ConnectCut", config: connect(smtpsink.Answer{Cut: smtpsink.CutSilently}), class: transports.Transient},
		{name: "MailCut", config: mail(smtpsink.Answer{Cut: smtpsink.CutSilently}), class: transports.Transient},
		{name: "RcptCut", config: rcpt(smtpsink.Answer{Cut: smtpsink.CutSilently}), class: transports.Transient},
		{name: "DataCut", config: data(smtpsink.Answer{Cut: smtpsink.CutSilently}), class: transports.Unknown},
		{name: "DataCutButKept", config: data(smtpsink.Answer{Cut: smtpsink.CutKeeping}), class: transports.Unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, transport := setup(t, &tt.config)
			m := newMessage()
			m.Attempt = max(tt.attempt, 1)
			result, err := transport.Send(patient(t), m)
			got := classified(t, tt.class, err)
			require.Zero(t, result)
			require.Equal(t, tt.wait, got.RetryAfter)
		})
	}
}

func TestErrorHasCodesAndOurWords(t *testing.T) {
	t.Parallel()
	_, transport := setup(t, &smtpsink.Config{RcptFunc: always(refuse(550, "5.1.1"))})
	_, err := transport.Send(patient(t), newMessage())
	require.EqualError(t, err, "address 550 5.1.1: there is no such recipient")
}

// TestCutInTheMiddleOfTheMessage needs one that does not fit into the buffers on the way.
func TestCutInTheMiddleOfTheMessage(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, &smtpsink.Config{BodyFunc: always(smtpsink.Answer{Cut: smtpsink.CutSilently})})
	m := newMessage()
	m.Content.Text = longText
	_, err := transport.Send(patient(t), m)
	requireClass(t, transports.Transient, err)
	require.Empty(t, sink.Messages())
}

func TestAcceptedThenCutIsDelivered(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, &smtpsink.Config{DataFunc: always(smtpsink.Answer{Cut: smtpsink.CutAfterReply})})
	for range 3 {
		m := newMessage()
		result, err := transport.Send(patient(t), m)
		require.NoError(t, err)
		require.Equal(t, transports.Result{
			Provider: "127.0.0.1", ProviderMessageID: m.ReceiptID.String() + "@example.com", Detail: "250 2.0.0",
		}, result)
		require.NoError(t, sink.WaitOpen(patient(t), 0))
	}
	require.Len(t, sink.Messages(), 3)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	sink := startSink(t, nil)
	url := sink.URL()
	require.NoError(t, sink.Close())
	transport := newTransport(t, &email.Config{SMTP: transports.Secret(url)})
	_, err := transport.Send(patient(t), newMessage())
	requireClass(t, transports.Transient, err)
}

func TestUnknownHost(t *testing.T) {
	t.Parallel()
	transport := newTransport(t, &email.Config{
		SMTP: "smtp://no-such-host.invalid:25",
		DialFunc: dialError(&net.OpError{
			Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "no-such-host.invalid", IsNotFound: true},
		}),
	})
	m := newMessage()
	for attempt, class := range map[int]transports.Class{
		1: transports.Transient, 2: transports.Transient, 3: transports.Configuration, 9: transports.Configuration,
	} {
		m.Attempt = attempt
		_, err := transport.Send(patient(t), m)
		requireClass(t, class, err)
	}
}

// script is a server that answers each verb as told, for what a decent server does not do. An empty answer cuts.
func script(t *testing.T, answers map[string]string) *email.Transport {
	t.Helper()
	return newTransport(t, &email.Config{SMTP: transports.Secret("smtp://" + scriptAddr(t, answers, nil))})
}

func scriptAddr(t *testing.T, answers map[string]string, seen *atomic.Int32) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-done
	})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			if seen != nil {
				seen.Add(1)
			}
			converse(textproto.NewConn(nc), answers)
		}
	}()
	return l.Addr().String()
}

// converse serves one connection to its end.
func converse(c *textproto.Conn, answers map[string]string) {
	defer func() { _ = c.Close() }()
	answer := func(verb, otherwise string) bool {
		text, ok := answers[verb]
		if !ok {
			text = otherwise
		}
		if text == "" {
			return false
		}
		return c.PrintfLine("%s", strings.ReplaceAll(text, "\n", "\r\n")) == nil
	}
	if !answer("greeting", "220 script") {
		return
	}
	for {
		line, err := c.ReadLine()
		if err != nil {
			return
		}
		verb := strings.ToUpper(strings.Fields(line + " ?")[0])
		otherwise := "250 ok"
		if verb == "DATA" {
			otherwise = "354 go on"
		}
		if !answer(verb, otherwise) {
			return
		}
		if text, ok := answers[verb]; verb == "DATA" && (!ok || strings.HasPrefix(text, "354")) {
			if _, err := c.ReadDotBytes(); err != nil || !answer("end", "250 ok") {
				return
			}
		}
	}
}

func TestOddServers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		answers map[string]string
		class   transports.Class // or OK
		detail  string           // of a result
	}{
		"Minimal":               {nil, transports.OK, "250"},
		"HeloOnly":              {map[string]string{"EHLO": "500 what"}, transports.OK, "250"},
		"AcceptedBy251":         {map[string]string{"end": "251 2.1.5 forwarded"}, transports.OK, "251 2.1.5"},
		"AcceptedInManyLines":   {map[string]string{"end": "250-2.0.0 a\n250 2.0.0 b"}, transports.OK, "250 2.0.0"},
		"ResetRefused":          {map[string]string{"RSET": ""}, transports.OK, "250"},
		"QuitRefused":           {map[string]string{"QUIT": "500 5.5.1 no"}, transports.OK, "250"},
		"RcptBy251":             {map[string]string{"RCPT": "251 will forward"}, transports.OK, "250"},
		"HelloRefused":          {map[string]string{"EHLO": "550 5.7.1 no", "HELO": "550 no"}, transports.Transient, ""},
		"HelloBusy":             {map[string]string{"EHLO": "421 4.7.0 later", "HELO": ""}, transports.Rate, ""},
		"GreetingGarbage":       {map[string]string{"greeting": "HTTP/1.1 400 Bad Request"}, transports.Transient, ""},
		"MailGarbage":           {map[string]string{"MAIL": "?"}, transports.Transient, ""},
		"DataRefusedAsSpam":     {map[string]string{"DATA": "554 5.7.1 spam"}, transports.Permanent, ""},
		"DataRefusedForNow":     {map[string]string{"DATA": "451 4.3.0 later"}, transports.Transient, ""},
		"DataCut":               {map[string]string{"DATA": ""}, transports.Transient, ""},
		"EndGarbage":            {map[string]string{"end": "?"}, transports.Unknown, ""},
		"EndHalfAReply":         {map[string]string{"end": "250-half"}, transports.Unknown, ""},
		"IPAddressIsNoCode":     {map[string]string{"RCPT": "550 host 5.1.1.9 says no"}, transports.Permanent, ""},
		"ContradictionIsNoCode": {map[string]string{"RCPT": "450 5.1.1 later"}, transports.Transient, ""},
		"CodeInAnyLine":         {map[string]string{"RCPT": "550-sorry\n550 5.1.1 no such user"}, transports.Address, ""},
		"Endless":               {map[string]string{"EHLO": strings.Repeat("250-x\n", 60_000) + "250 x"}, transports.Transient, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := script(t, tt.answers)
			if name == "EndHalfAReply" {
				transport = newTransport(t, &email.Config{
					SMTP:         transports.Secret("smtp://" + scriptAddr(t, tt.answers, nil)),
					ReplyTimeout: 100 * time.Millisecond,
				})
			}
			result, err := transport.Send(patient(t), newMessage())
			if tt.class == transports.OK {
				require.NoError(t, err)
				require.Equal(t, tt.detail, result.Detail)
				return
			}
			requireClass(t, tt.class, err)
		})
	}
}

// TestTableIsTotal asks about every stage and code: no panic, a class, words, and nothing of the reply in them.
func TestTableIsTotal(t *testing.T) {
	t.Parallel()
	classes := []transports.Class{
		transports.Transient, transports.Rate, transports.Permanent, transports.Address, transports.Configuration,
	}
	for _, stage := range classify.SMTPStages() {
		for code := 100; code < 1000; code++ {
			for _, text := range []string{"", "5.1.1 <" + recipient + ">", "4.7.1 " + recipient, "throttling " + recipient} {
				e := email.ClassifyReply(stage, code, text, 1)
				require.Contains(t, classes, e.Class)
				require.NotEmpty(t, e.Detail)
				require.NotContains(t, e.Error(), "canary")
				require.True(t, strings.HasPrefix(e.Code, fmt.Sprint(code)))
				require.NoError(t, e.Err, "a reply is never kept")
				if code/100 == 4 {
					require.NotEqual(t, transports.Permanent, e.Class, "%s %d %s", stage, code, text)
					require.NotEqual(t, transports.Address, e.Class, "%s %d %s", stage, code, text)
				}
				if e.Class == transports.Address {
					require.Equal(t, 5, code/100)
				}
			}
		}
	}
}
