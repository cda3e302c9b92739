package email_test

import (
	"bytes"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

// deliver sends m, which must be accepted, and returns what arrived.
func deliver(t *testing.T, sink *smtpsink.Server, transport *email.Transport, m transports.Message) smtpsink.Message {
	t.Helper()
	before := len(sink.Messages())
	_, err := transport.Send(patient(t), m)
	require.NoError(t, err)
	after := sink.Messages()
	require.Len(t, after, before+1)
	got := after[before]
	require.NoError(t, got.ParseErr)
	return got
}

// TestGolden pins the bytes: a retry after an update of Carillon or go-mail must not differ from the first try.
func TestGolden(t *testing.T) {
	t.Parallel()
	base := newMessage()
	base.ReceiptID = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	tests := map[string]func(m *transports.Message){
		"text": func(*transports.Message) {},
		"both": func(m *transports.Message) {
			m.Recipient.Name = `Zoë "Z" O'Brien`
			m.Content = transports.Content{
				Subject: "Größe 漢字 👩‍👩‍👧: your order was created and is on its way to you now",
				Text:    "Dear Zoë,\n\n.a line that begins with a dot\n" + strings.Repeat("and a long one ", 20) + "\n",
				HTML:    "<p>Dear Zoë, <a href=\"https://example.com/?a=1&amp;b=2\">look</a>.</p>",
				From:    "Größenwahn GmbH <hello@example.com>",
				ReplyTo: "help@example.com",
			}
		},
		"html": func(m *transports.Message) {
			m.Content.Text, m.Content.HTML = "", "<h1>Hi</h1><p>Your <b>order</b> <a href='https://example.com'>A7</a></p>"
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, transport := setup(t, nil)
			m := base
			change(&m)
			raw := deliver(t, sink, transport, m).Raw
			path := filepath.Join("testdata", name+".eml")
			if *update {
				require.NoError(t, os.WriteFile(path, raw, 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), string(raw))
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	sink := startSink(t, nil)
	transport := newTransport(t, &email.Config{SMTP: transports.Secret(sink.URL()), ReplyTo: "Help <help@example.com>"})
	m := newMessage()
	got := deliver(t, sink, transport, m)
	require.Equal(t, "shop@example.com", got.Session.From)
	require.Equal(t, []string{recipient}, got.Session.To)
	require.Equal(t, m.ReceiptID.String()+"@example.com", got.MessageID)
	require.True(t, got.Date.Equal(m.RenderedAt), "%s", got.Date)
	require.Equal(t, m.Content.Subject, got.Subject)
	require.Contains(t, got.From, "shop@example.com")
	require.Contains(t, got.To, "Carla Canary")
	require.Contains(t, got.ReplyTo, "help@example.com")
	require.Equal(t, "auto-generated", got.Header.Get("Auto-Submitted"))
	parsed, err := mail.ReadMessage(bytes.NewReader(got.Raw))
	require.NoError(t, err)
	var names []string
	for name := range parsed.Header {
		names = append(names, name)
	}
	require.ElementsMatch(t, []string{
		"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version",
		"Reply-To", "Subject", "To",
	}, names, "no header that is random or names a version")
}

func TestConfiguredIdentity(t *testing.T) {
	t.Parallel()
	sink := startSink(t, nil)
	transport := newTransport(t, &email.Config{
		SMTP: transports.Secret(sink.URL()), From: "Shop <shop@bücher.example>", ReturnPath: "bounces@example.net",
		MessageIDDomain: "a-rather-long-name.of-a-subdomain.mail.example.org", HELO: "worker-1.example.org",
	})
	m := newMessage()
	got := deliver(t, sink, transport, m)
	require.Equal(t, "bounces@example.net", got.Session.From)
	require.Equal(t, "worker-1.example.org", got.Session.HELO)
	require.Contains(t, got.From, "shop@xn--bcher-kva.example")
	require.Contains(t, string(got.Raw),
		"\r\nMessage-ID: <"+m.ReceiptID.String()+"@a-rather-long-name.of-a-subdomain.mail.example.org>\r\n")
}

func TestContentSenders(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	m := newMessage()
	m.Content.From, m.Content.ReplyTo = "Support <support@example.org>", "tickets@example.org"
	got := deliver(t, sink, transport, m)
	require.Equal(t, "support@example.org", got.Session.From)
	require.Contains(t, got.From, "support@example.org")
	require.Equal(t, "tickets@example.org", strings.Trim(got.ReplyTo, "<>"))
	require.Equal(t, m.ReceiptID.String()+"@example.com", got.MessageID, "the identity does not depend on the sender")
}

func TestBodies(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ content, want transports.Content }{
		"Text":           {transports.Content{Text: "long"}, transports.Content{Text: "long"}},
		"Message":        {transports.Content{Message: "short"}, transports.Content{Text: "short"}},
		"TextAndMessage": {transports.Content{Text: "long", Message: "short"}, transports.Content{Text: "long"}},
		"HTML":           {transports.Content{HTML: "<p>a</p><p>b</p>"}, transports.Content{Text: "a\n\nb", HTML: "<p>a</p><p>b</p>"}},
		"HTMLAndMessage": {transports.Content{HTML: "<p>a</p>", Message: "short"}, transports.Content{Text: "short", HTML: "<p>a</p>"}},
		"All":            {transports.Content{HTML: "<p>a</p>", Text: "long", Message: "short"}, transports.Content{Text: "long", HTML: "<p>a</p>"}},
		"Pictures":       {transports.Content{HTML: `<img src="https://example.com/x.png">`}, transports.Content{Text: "Order A7", HTML: `<img src="https://example.com/x.png">`}},
		"NotUTF8":        {transports.Content{Text: "a\xffb"}, transports.Content{Text: "a\uFFFDb"}},
		"Dots":           {transports.Content{Text: ".\n..\na\n.\nb"}, transports.Content{Text: ".\n..\na\n.\nb"}},
		"BareReturns":    {transports.Content{Text: "a\r.\r\nb\rc"}, transports.Content{Text: "a\n.\nb\nc"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink, transport := setup(t, nil)
			m := newMessage()
			m.Content = tt.content
			m.Content.Subject = "Order A7"
			got := deliver(t, sink, transport, m)
			lines := strings.NewReplacer("\r\n", "\n")
			require.Equal(t, tt.want.Text, strings.TrimSpace(lines.Replace(got.Text)))
			require.Equal(t, tt.want.HTML, strings.TrimSpace(lines.Replace(got.HTML)))
			for line := range bytes.SplitSeq(got.Raw, []byte("\r\n")) {
				require.LessOrEqual(t, len(line), 78, "%q", line)
				require.NotContains(t, string(line), "\r", "a bare return can end a message on some servers")
				require.NotContains(t, string(line), "\n")
			}
		})
	}
}

func TestMarkupThatCannotBeReadIsSentWithTheSubjectAsItsText(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	m := newMessage()
	m.Content.Text, m.Content.HTML = "", strings.Repeat("<div>", 5_000)+"x"
	got := deliver(t, sink, transport, m)
	require.Equal(t, m.Content.Subject, strings.TrimSpace(got.Text))
	require.Equal(t, m.Content.HTML, strings.TrimSpace(got.HTML))
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	for _, subject := range []string{
		"plain",
		"Größe",
		"=?utf-8?q?not=20decoded?=",
		"two  blanks",
		" leading and trailing ",
		"many" + strings.Repeat(" ", 200) + "blanks",
		strings.Repeat("x", 400),
		strings.Repeat("漢", 400),
		"tab\tand \x1b[31mescape",
		"colon: semi; <angle> \"quote\"",
	} {
		m := newMessage()
		m.Content.Subject = subject
		got := deliver(t, sink, transport, m)
		require.Equal(t, subject, got.Subject)
		header, _, _ := bytes.Cut(got.Raw, []byte("\r\n\r\n"))
		for line := range bytes.SplitSeq(header, []byte("\r\n")) {
			require.LessOrEqual(t, len(line), 78, "%q", line)
			require.NotEmpty(t, bytes.TrimSpace(line), "a line of blanks in the header of %q", subject)
		}
	}
	m := newMessage()
	m.Content.Subject = strings.Repeat("漢", 501)
	require.Equal(t, strings.Repeat("漢", 499)+"…", deliver(t, sink, transport, m).Subject)
}

func TestNames(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	for name, want := range map[string]string{
		"":                            "",
		"Zoë":                         "Zoë",
		`Robert "Bob"; <x>, y`:        `Robert "Bob"; <x>, y`,
		"Eve\r\nBcc: m@example.com":   "Eve Bcc: m@example.com",
		`a\b`:                         `a\b`,
		`é\b`:                         "é＼b",
		"=?utf-8?q?Eve?=":             "= ?utf-8?q?Eve?=",
		"a \x00\x1b b":                "a b",
		strings.Repeat("漢", 200):      strings.Repeat("漢", 127) + "…",
		"x" + strings.Repeat(" ", 99): "x",
	} {
		m := newMessage()
		m.Recipient.Name = name
		got := deliver(t, sink, transport, m)
		require.Equal(t, []string{recipient}, got.Session.To)
		parsed, err := mail.ReadMessage(bytes.NewReader(got.Raw))
		require.NoError(t, err)
		to, err := parsed.Header.AddressList("To")
		require.NoError(t, err)
		require.Len(t, to, 1)
		require.Equal(t, mail.Address{Name: want, Address: recipient}, *to[0])
		require.Empty(t, parsed.Header.Get("Bcc"))
	}
}

func TestRefusedBeforeDialing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(m *transports.Message)
		class  transports.Class
	}{
		"AddressMissing":    {func(m *transports.Message) { m.Recipient.Address = "" }, transports.Address},
		"AddressHalf":       {func(m *transports.Message) { m.Recipient.Address = "carla@" }, transports.Address},
		"AddressWithName":   {func(m *transports.Message) { m.Recipient.Address = "C <c@example.com>" }, transports.Address},
		"AddressList":       {func(m *transports.Message) { m.Recipient.Address = "a@example.com,b@example.com" }, transports.Address},
		"AddressLineBreak":  {func(m *transports.Message) { m.Recipient.Address = "a@example.com\r\nRCPT TO:<b@x.example>" }, transports.Address},
		"AddressLiteral":    {func(m *transports.Message) { m.Recipient.Address = "a@[127.0.0.1]" }, transports.Address},
		"AddressEndless":    {func(m *transports.Message) { m.Recipient.Address = strings.Repeat("a", 400) + "@example.com" }, transports.Address},
		"AddressDomain":     {func(m *transports.Message) { m.Recipient.Address = "a@b\u00fc\u2024.example" }, transports.Address},
		"SubjectEmpty":      {func(m *transports.Message) { m.Content.Subject = " " }, transports.Permanent},
		"SubjectLineBreak":  {func(m *transports.Message) { m.Content.Subject = "a\r\nBcc: b@x.example" }, transports.Permanent},
		"SubjectLineFeed":   {func(m *transports.Message) { m.Content.Subject = "a\nb" }, transports.Permanent},
		"SubjectReturn":     {func(m *transports.Message) { m.Content.Subject = "a\rb" }, transports.Permanent},
		"SubjectZero":       {func(m *transports.Message) { m.Content.Subject = "a\x00b" }, transports.Permanent},
		"FromUnreadable":    {func(m *transports.Message) { m.Content.From = "Shop" }, transports.Permanent},
		"FromLineBreak":     {func(m *transports.Message) { m.Content.From = "Shop\r\nBcc: b@x.example <a@x.example>" }, transports.Permanent},
		"ReplyToLineBreak":  {func(m *transports.Message) { m.Content.ReplyTo = "a@x.example\r\nBcc: b@x.example" }, transports.Permanent},
		"NoBody":            {func(m *transports.Message) { m.Content.Text = "" }, transports.Permanent},
		"NoReceipt":         {func(m *transports.Message) { m.ReceiptID = uuid.Nil }, transports.Permanent},
		"NoTimeOfRendering": {func(m *transports.Message) { m.RenderedAt = time.Time{} }, transports.Permanent},
	}
	sink, transport := setup(t, nil)
	for name, tt := range tests {
		m := newMessage()
		tt.change(&m)
		_, err := transport.Send(patient(t), m)
		require.Error(t, err, name)
		requireClass(t, tt.class, err)
	}
	opened, _ := sink.Connections()
	require.Zero(t, opened, "nothing was dialed")
}

func TestHostileButValidAddress(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	for address, want := range map[string]string{
		`"a> ORCPT=x"@example.com`: `a> ORCPT=x@example.com`,
		`"a b"@example.com`:        `a b@example.com`,
		`-oQ/tmp@example.com`:      `-oQ/tmp@example.com`,
		`"quo\"te"@example.com`:    `quo"te@example.com`,
		`carla+tag@EXAMPLE.com`:    `carla+tag@EXAMPLE.com`,
		`carla@bücher.example`:     `carla@xn--bcher-kva.example`,
	} {
		m := newMessage()
		m.Recipient.Address = address
		got := deliver(t, sink, transport, m)
		require.Equal(t, []string{want}, got.Session.To)
		require.False(t, got.Session.UTF8)
	}
}

// FuzzCompose holds the header together: its fields are those that were set, whatever the content.
func FuzzCompose(f *testing.F) {
	f.Add("Order A7", "text", "<p>html</p>", "Carla", "carla@example.com", "Shop <shop@example.com>")
	f.Add("a\r\nBcc: x@example.com", "\r\n.\r\n", "--boundary", "Eve\r\nBcc: x", "a@b\r\nc", "x\r\ny")
	f.Add("=?utf-8?q?=0D=0A?=", "\x00", "<blockquote><b>"+strings.Repeat("x", 100), "=?x?=", `"a b"@example.com`, "")
	f.Add(strings.Repeat(" a", 300), strings.Repeat("\r", 99), "", strings.Repeat("\" ", 99), "ü@ü.example", "a@b")
	f.Add("x", "x", "", "\xff\\D\xff", "0@0", "a@b")
	transport := newTransport(f, &email.Config{SMTP: "smtp://localhost:25"})
	f.Fuzz(func(t *testing.T, subject, text, html, name, address, from string) {
		m := newMessage()
		m.Recipient = transports.Recipient{Name: name, Address: address}
		m.Content = transports.Content{Subject: subject, Text: text, HTML: html, From: from}
		raw, err := transport.Compose(m)
		if err != nil {
			return
		}
		again, err := transport.Compose(m)
		require.NoError(t, err)
		require.Equal(t, raw, again)
		parsed, err := mail.ReadMessage(bytes.NewReader(raw))
		require.NoError(t, err)
		want := 9
		if html != "" {
			want = 8 // the parts have the encoding
		}
		require.Len(t, parsed.Header, want, "%v", parsed.Header)
		for field, values := range parsed.Header {
			require.Len(t, values, 1, field)
		}
		for _, field := range []string{"From", "To"} {
			list, err := parsed.Header.AddressList(field)
			require.NoError(t, err, "%q", parsed.Header[field])
			require.Len(t, list, 1)
		}
	})
}
