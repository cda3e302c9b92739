package email_test

import (
	"bytes"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jhillyerd/enmime/v2"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
	"github.com/carillon-notify/carillon/transports/email"
)

// FuzzAddress: what is accepted is one line, is read back as itself, and cannot end a command early.
func FuzzAddress(f *testing.F) {
	for _, seed := range []string{
		"carla@example.com", "Carla <carla@example.com>", `"a> ORCPT=x"@example.com`, "zoë@bücher.example", "a@[127.0.0.1]",
		"a@localhost", `"Help, \"please\"" <help@example.com>`, "=?utf-8?q?=0D=0A?= <a@example.com>", "a\r\n@example.com", "-a@example.com",
		"a@b, c@d", "group: a@example.com;", "(c(o(m)m)ent) a@example.com", "a@xn--bcher-kva.example", "\"\x00\"@example.com",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		header, path, err := email.Mailbox(text)
		if err != nil {
			return
		}
		for _, rendered := range []string{header, path} {
			if strings.ContainsAny(rendered, "\r\n\x00") {
				t.Fatalf("%q gives %q", text, rendered)
			}
		}
		parsed, err := mail.ParseAddress(header)
		if err != nil {
			t.Fatalf("%q gives %q, which cannot be read: %v", text, header, err)
		}
		bare, err := mail.ParseAddress(path)
		if err != nil || bare.Address != parsed.Address || bare.Name != "" {
			t.Fatalf("%q gives %q and %q", text, header, path)
		}
		// The path's own bracket is the only one outside of quotes.
		if unquoted := strings.Join(slices.Collect(outsideQuotes(path)), ""); strings.Count(unquoted, ">") != 1 || strings.ContainsAny(unquoted, " \t") {
			t.Fatalf("%q gives the path %q", text, path)
		}
		again, _, err := email.Mailbox(header)
		if err != nil || again != header {
			t.Fatalf("%q gives %q, and that %q (%v)", text, header, again, err)
		}
	})
}

// outsideQuotes yields what a server reads as it is.
func outsideQuotes(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		quoted := false
		for i := 0; i < len(path); i++ {
			switch {
			case quoted && path[i] == '\\':
				i++
			case path[i] == '"':
				quoted = !quoted
			case !quoted && !yield(path[i:i+1]):
				return
			}
		}
	}
}

// FuzzHeader: there are as many fields as were set, with the values that were set.
func FuzzHeader(f *testing.F) {
	f.Add("X-A", "one", "X-B", "two words")
	f.Add("X-A", "a\r\nBcc: b", "X\r\nY", "c")
	f.Add("List-Unsubscribe", "<https://example.com/"+strings.Repeat("x", 300)+">, <mailto:a@example.com>", "x-a", "=?utf-8?q?x?=")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		headers := map[string]string{name1: value1, name2: value2}
		const rest = "Subject: rest\r\n\r\nbody\r\n"
		raw, ok := email.Headers(headers, []byte(rest))
		if !ok {
			return
		}
		if !bytes.HasSuffix(raw, []byte(rest)) {
			t.Fatalf("%q does not end as it did", raw)
		}
		m, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		if len(m.Header) != len(headers)+1 {
			t.Fatalf("%q has %d fields", raw, len(m.Header))
		}
		for name, value := range headers {
			if got := m.Header[textproto.CanonicalMIMEHeaderKey(name)]; len(got) != 1 || got[0] != value {
				t.Fatalf("%s is %q, not %q", name, got, value)
			}
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(raw), rest), "\r\n") {
			if strings.ContainsAny(line, "\r\n") || line != "" && strings.TrimSpace(line) == "" {
				t.Fatalf("%q has a line of its own kind", raw)
			}
		}
	})
}

// FuzzMIME: whatever is said, the message has the fields and parts that we write, ASCII lines of a length that passes,
// and the text that was said.
func FuzzMIME(f *testing.F) {
	f.Add("Order A7", "Dear Carla", "<p>Dear Carla</p>", "Carla")
	f.Add("x\r\nBcc: y", "a\r.\r\nb\n.\n", "", "\r\nBcc: z")
	f.Add("=?utf-8?q?x?=", "From here\n--boundary--\n\x00", "<!--", `"`)
	f.Add(strings.Repeat("漢", 300), strings.Repeat("x", 3000), "\xff\xfe", "漢\u202e")
	transport, err := email.New(&email.Config{SMTP: "smtp://mail.example.com", From: "Shop <shop@example.com>"})
	if err != nil {
		f.Fatal(err)
	}
	allowed := []string{
		"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To",
	}
	f.Fuzz(func(t *testing.T, subject, text, html, name string) {
		m := newMessage()
		m.ReceiptID = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
		m.Content = transports.Content{Subject: subject, Text: text, HTML: html}
		m.Recipient.Name = name
		raw, err := transport.Compose(m)
		if err != nil {
			if transports.Classify(err).Class != transports.Permanent {
				t.Fatal(err)
			}
			return
		}
		for line := range bytes.SplitSeq(raw, []byte("\r\n")) {
			if bytes.ContainsAny(line, "\r\n\x00") || len(line) > 998 || bytes.ContainsFunc(line, func(r rune) bool { return r >= utf8.RuneSelf }) {
				t.Fatalf("the line %q", line)
			}
		}
		parsed, err := mail.ReadMessage(bytes.NewReader(raw))
		if err != nil {
			t.Fatalf("%v in %q", err, raw)
		}
		for field, values := range parsed.Header {
			if len(values) != 1 || !slices.Contains(allowed, field) {
				t.Fatalf("%s is %q in %q", field, values, raw)
			}
		}
		to, err := parsed.Header.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != recipient {
			t.Fatalf("To is %q (%v)", parsed.Header["To"], err)
		}
		envelope, err := enmime.ReadEnvelope(bytes.NewReader(raw))
		if err != nil || len(envelope.Attachments)+len(envelope.Inlines)+len(envelope.OtherParts) > 0 {
			t.Fatalf("the parts cannot be read: %v", err)
		}
		if utf8.ValidString(text) && strings.TrimSpace(text) != "" && !strings.ContainsRune(text, 0) {
			if got := lines(envelope.Text); got != lines(text) && !strings.ContainsRune(text, '\u00ad') {
				t.Fatalf("the text %q arrives as %q", text, got)
			}
		}
	})
}

// lines is text with line ends that compare.
func lines(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	return strings.TrimRight(text, " \t\n")
}

// FuzzReply: every reply of a server has a class and words of ours, nothing of the reply is in them, and only a 5xx is for
// good.
func FuzzReply(f *testing.F) {
	f.Add("RCPT", 550, "5.1.1 <carla@example.com>: unknown", 1)
	f.Add("end of DATA", 454, "Throttling failure", 1)
	f.Add("RCPT", 452, "5.7.1\n4.2.2 full", 3)
	f.Add("", -1, "\r\n5.1.1", -1)
	f.Fuzz(func(t *testing.T, stage string, code int, text string, attempt int) {
		e := email.ClassifyReply(classify.Stage(stage), code, text, attempt)
		if e == nil || e.Class == "" || e.Detail == "" || e.Class == transports.Unknown || e.Err != nil {
			t.Fatalf("%+v", e)
		}
		final := e.Class == transports.Permanent || e.Class == transports.Address
		if final && code/100 != 5 {
			t.Fatalf("%d %q is %s", code, text, e.Class)
		}
		if len(e.Code) > len("-9223372036854775808 5.123.123") {
			t.Fatalf("the code is %q", e.Code)
		}
	})
}
