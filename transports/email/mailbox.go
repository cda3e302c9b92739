package email

import (
	"errors"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits on what is parsed at all; net/mail has been slow on long hostile input before.
const (
	maxAddress = 320
	maxMailbox = 998
	maxName    = 128 // runes shown of a display name
)

// mailbox is a parsed address with its display name, safe to write into a header and a command.
type mailbox struct {
	name string // one line, at most maxName runes
	addr string // local@domain, unquoted; the domain is ASCII
}

// parseMailbox reads one RFC 5322 mailbox, such as "Shop <shop@example.com>". Its errors do not quote the text.
func parseMailbox(text string) (mailbox, error) {
	switch {
	case len(text) > maxMailbox:
		return mailbox{}, errors.New("it is too long")
	case !utf8.ValidString(text):
		return mailbox{}, errors.New("it is not UTF-8")
	case strings.ContainsFunc(text, unicode.IsControl):
		return mailbox{}, errors.New("it has a line break or another control character")
	}
	parsed, err := mail.ParseAddress(text)
	if err != nil {
		return mailbox{}, errors.New("it cannot be parsed")
	}
	if len(parsed.Address) > maxAddress {
		return mailbox{}, errors.New("its address is too long")
	}
	at := strings.LastIndexByte(parsed.Address, '@')
	local, domain := parsed.Address[:at], parsed.Address[at+1:]
	if strings.HasPrefix(domain, "[") {
		return mailbox{}, errors.New("its domain is a network address")
	}
	if !isASCII(domain) {
		if domain, err = idna.Lookup.ToASCII(domain); err != nil {
			return mailbox{}, errors.New("its domain is not a name")
		}
	}
	if !isDomain(domain) {
		return mailbox{}, errors.New("its domain is not a name")
	}
	if !strings.Contains(domain, ".") {
		return mailbox{}, errors.New("its domain has no dot")
	}
	return mailbox{name: displayName(parsed.Name), addr: local + "@" + domain}, nil
}

// parseAddress reads an address without a display name, such as a recipient's.
func parseAddress(text string) (mailbox, error) {
	m, err := parseMailbox(text)
	if err == nil && m.name != "" {
		return mailbox{}, errors.New("it has more than an address")
	}
	return m, err
}

// displayName makes a name fit for a header: what it is called never costs anybody a message. White space is one
// blank, control characters are gone, and nothing in it looks like an encoded word.
func displayName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, "\uFFFD"))
	name = strings.ReplaceAll(strings.Join(strings.Fields(name), " "), "=?", "= ?")
	if !isASCII(name) {
		// net/mail puts a backslash into an encoded word as it is, and cannot read that itself.
		name = strings.ReplaceAll(name, `\`, "＼")
	}
	return truncate(name, maxName)
}

// header is the mailbox as go-mail takes it.
func (m mailbox) header() *mail.Address { return &mail.Address{Name: m.name, Address: m.addr} }

// text is the mailbox as JSON holds it: its name in its own letters, between quotes.
func (m mailbox) text() string {
	if m.name == "" {
		return strings.Trim(m.path(), "<>")
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(m.name) + `" ` + m.path()
}

// path is the mailbox as MAIL and RCPT take it: in angle brackets, quoted where it must be.
func (m mailbox) path() string { return (&mail.Address{Address: m.addr}).String() }

func (m mailbox) domain() string { return m.addr[strings.LastIndexByte(m.addr, '@')+1:] }

// needsUTF8 tells whether only a server with SMTPUTF8 can take this address.
func (m mailbox) needsUTF8() bool { return !isASCII(m.addr) }

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// truncate cuts text to at most limit runes, the last of which then is an ellipsis.
func truncate(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-1]) + "…"
}
