package transporttest

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
)

func checkSameOnEveryTry(t *testing.T, s *suite) {
	first, second := s.setup(t), s.setup(t)
	m := first.message()
	want := first.deliver(m)

	// A time of now in seconds would go unnoticed within the same second.
	now := time.Now()
	<-time.After(now.Truncate(time.Second).Add(time.Second).Sub(now))

	m.Attempt = 2
	again := first.deliver(m)
	m.Attempt = 7
	elsewhere := second.deliver(m)
	for name, got := range map[string]Delivery{"the same transport": again, "another process": elsewhere} {
		require.Equal(t, want.Key, got.Key, "the key on %s", name)
		require.Equal(t, string(want.Body), string(got.Body), "the bytes on %s", name)
		require.Equal(t, want.Address, got.Address, "the address on %s", name)
	}
}

func checkDifferentReceipts(t *testing.T, s *suite) {
	b := s.setup(t)
	require.NotEqual(t, b.deliver(b.message()).Key, b.deliver(b.message()).Key, "the receipt's id makes the key")
}

// texts are the fields that carry words of people. Addresses, links and markup have rules of their own.
var texts = []string{
	transports.FieldSubject, transports.FieldTitle, transports.FieldMessage,
	transports.FieldText, transports.FieldActionLabel,
}

// withText replaces every text of m by what f makes for it.
func withText(m transports.Message, f func(field string) string) transports.Message {
	for _, field := range m.Content.Fields() {
		if *field.Value != "" && slices.Contains(texts, field.Name) {
			*field.Value = f(field.Name)
		}
	}
	return m
}

func checkWholeRunes(t *testing.T, s *suite) {
	const pattern = "žluťoučký 漢字かな交じり文 👩‍👩‍👧 Ωμέγα "
	b := s.setup(t)
	for _, shift := range []string{"", "a", "ab", "abc"} { // so that a cut in bytes meets every position of a rune
		m := withText(b.message(), func(field string) string {
			n := 2_000
			if field == transports.FieldSubject || field == transports.FieldTitle || field == transports.FieldActionLabel {
				n = 100
			}
			return shift + strings.TrimSpace(strings.Repeat(pattern, n))
		})
		d := b.deliver(m)
		require.True(t, utf8.Valid(d.Body), "the bytes are not UTF-8")
		got := d.Content.Fields()
		for i, want := range m.Content.Fields() {
			if text := *got[i].Value; text != "" && slices.Contains(texts, want.Name) {
				require.True(t, utf8.ValidString(text), "%s is not UTF-8", want.Name)
				require.NotContains(t, text, "\uFFFD", "%s has a broken rune", want.Name)
				kept := strings.TrimSuffix(strings.TrimSuffix(normal(text), "…"), "...")
				require.True(t, strings.HasPrefix(normal(*want.Value), kept), "%s is not the beginning of what was sent", want.Name)
			}
		}
	}
}

// hostile are texts that mean something to one kind of provider or another. All must arrive as text.
var hostile = []string{
	"x\r\nBcc: mallory@example.com\r\n\r\nhello",
	"x\nX-Injected: yes",
	"x\r\n.\r\nMAIL FROM:<mallory@example.com>\r\n",
	"..\r\n.leading dots\r\n.",
	"=?utf-8?q?mallory=0D=0ABcc:_x?=",
	"--boundary--\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>",
	`<script>alert(1)</script><a href="https://example.com">x</a> &amp; "quoted" 'single'`,
	"<!channel> <!here> <@U012AB3CD> <https://example.com|click> @everyone @here",
	"**bold** _italic_ ~strike~ `code` [link](https://example.com) ||spoiler||",
	`{{ .Secret }} {{ range . }} ${HOME} $(id) %s%n %00`,
	`{"text":"x","channel":"#general"}`,
	"'; DROP TABLE receipts; --",
	"right\u202eto\u202cleft zero\u200bwidth",
	"two  blanks and" + strings.Repeat(" ", 100) + "many",
	strings.Repeat("longword", 200),
}

func checkHostileText(t *testing.T, s *suite) {
	b := s.setup(t)
	for _, text := range hostile {
		lines := strings.ContainsAny(text, "\r\n")
		b.checkHarmless(withText(b.message(), func(string) string { return text }), text, lines)
		if lines {
			b.checkHarmless(withText(b.message(), func(field string) string {
				if field == transports.FieldMessage || field == transports.FieldText {
					return text
				}
				return "one line"
			}), text, false)
		}
		m := b.message()
		m.Recipient.Name = text
		b.checkHarmless(m, text, lines)
	}
}

// verbatim is the length up to which no transport has a reason to shorten a text.
const verbatim = 150

// checkHarmless sends m, which must arrive as it is written; where that is allowed, it may be refused for good instead.
func (b *bundle) checkHarmless(m transports.Message, hostile string, mayRefuse bool) {
	b.t.Helper()
	before := len(b.provider.Deliveries())
	_, err := b.send(b.t.Context(), m)
	after := b.provider.Deliveries()
	if err != nil {
		require.True(b.t, mayRefuse, "%q was refused: %v", hostile, err)
		require.Equal(b.t, transports.Permanent, transports.Classify(err).Class, "refusing %q: %v", hostile, err)
		require.Len(b.t, after, before, "%q was refused and sent", hostile)
		return
	}
	require.Len(b.t, after, before+1, "%q is one message", hostile)
	d := after[before]
	require.Equal(b.t, m.Recipient.Address, d.Address, "%q changed the address", hostile)
	got := d.Content.Fields()
	for i, want := range m.Content.Fields() {
		if text := normal(*got[i].Value); text != "" && slices.Contains(texts, want.Name) {
			whole := normal(*want.Value)
			same := text == whole
			if len(whole) > verbatim {
				same = strings.HasPrefix(whole, strings.TrimSuffix(strings.TrimSuffix(text, "…"), "..."))
			}
			require.True(b.t, same, "%q arrived in %s as %q", hostile, want.Name, text)
		}
	}
}

func checkHostileAddress(t *testing.T, s *suite) {
	b := s.setup(t)
	spec := b.transport.Spec()
	if spec.Address != transports.AddressEmail {
		t.Skip("the transport has no email addresses")
	}
	values := []string{
		"carla@example.com\r\nBcc: mallory@example.com",
		"carla@example.com>\r\nRCPT TO:<mallory@example.com",
		"carla@example.com, mallory@example.com",
		"carla@example.com>, <mallory@example.com",
		"carla@example.com\x00",
		"@example.com", "carla@", "carla", " ",
		strings.Repeat("a", 1<<20) + "@example.com",
		strings.Repeat("(", 50_000) + "carla@example.com",
	}
	refuse := func(m transports.Message, value string, classes ...transports.Class) {
		t.Helper()
		_, err := b.send(t.Context(), m)
		require.Error(t, err, "%.80q was accepted", value)
		require.Contains(t, classes, transports.Classify(err).Class, "%.80q: %v", value, err)
	}
	for _, value := range values {
		m := b.message()
		m.Recipient.Address = value
		refuse(m, value, transports.Address, transports.Permanent)
		if slices.Contains(spec.Fields(), transports.FieldFrom) {
			m = b.message()
			m.Content.From = value
			refuse(m, value, transports.Permanent)
		}
		if slices.Contains(spec.Fields(), transports.FieldReplyTo) {
			m = b.message()
			m.Content.ReplyTo = value
			refuse(m, value, transports.Permanent)
		}
	}
	require.Empty(t, b.provider.Deliveries())
	require.Zero(t, b.provider.Tries(), "what can be known before is not offered")
}

func checkNoAddress(t *testing.T, s *suite) {
	b := s.setup(t)
	if b.transport.Spec().Address == transports.AddressNone {
		t.Skip("the transport needs no address")
	}
	m := b.message()
	m.Recipient.Address = ""
	_, err := b.send(t.Context(), m)
	require.Error(t, err)
	require.Contains(t, []transports.Class{transports.Address, transports.Permanent}, transports.Classify(err).Class)
	require.Empty(t, b.provider.Deliveries())
}

// normal is text with the liberties that providers take: line ends, and blanks at the end.
func normal(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	return strings.TrimRight(text, " \n")
}
