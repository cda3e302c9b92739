package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/inbucket/html2text"
	"github.com/wneessen/go-mail"

	"github.com/carillon-notify/carillon/transports"
)

// maxSubject is where a subject is cut, in runes. Longer ones are display text that nobody reads, and headers of tens of
// kilobytes make servers refuse the mail.
const maxSubject = 500

// letter is a composed message, ready for any connection.
type letter struct {
	from string // MAIL's path
	to   string // RCPT's path
	raw  []byte // header and body, ending in a line break
	utf8 bool   // an address in it needs SMTPUTF8

	sender mailbox // of From, whose domain signs
}

// compose makes the letter of m. Equal messages give equal letters. The error is classified and quotes nothing.
func (s *settings) compose(m transports.Message) (*letter, error) {
	c := m.Content
	from, replyTo, err := s.senders(c)
	if err != nil {
		return nil, err
	}
	to, err := parseAddress(m.Recipient.Address)
	if err != nil {
		return nil, transports.Errorf(transports.Address, "the recipient's address is not usable: %v", err)
	}
	to.name = displayName(m.Recipient.Name)
	if err := checkMessage(m); err != nil {
		return nil, err
	}

	text, html := bodies(c)
	options := []mail.MsgOption{
		// Without this go-mail adds its version, which would change the bytes of a retry after an update.
		mail.WithNoDefaultUserAgent(),
		mail.WithEncoding(mail.EncodingQP),
	}
	if len(m.Files) == 0 {
		// Of files in files each level needs a boundary of its own, and go-mail takes only one.
		options = append(options, mail.WithBoundary(boundary(m.ReceiptID, text, html)))
	}
	msg := mail.NewMsg(options...)
	msg.SetMessageIDWithValue(s.messageID(m.ReceiptID))
	msg.SetDateWithValue(m.RenderedAt.UTC())
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader(mail.HeaderSubject, encodeSubject(c.Subject))
	msg.FromMailAddress(from.header())
	msg.ToMailAddress(to.header())
	if replyTo != nil {
		msg.ReplyToMailAddress(replyTo.header())
	}
	msg.SetBodyString(mail.TypeTextPlain, text)
	if html != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, html)
	}
	addFiles(msg, m.Files, html)
	var buf bytes.Buffer
	if _, err := msg.WriteTo(&buf); err != nil {
		return nil, &transports.Error{Class: transports.Permanent, Detail: "the message could not be composed", Err: err}
	}

	if len(m.Files) > 0 {
		settleBoundaries(buf.Bytes(), m.ReceiptID, text, html)
	}
	returning := from
	if s.returning != nil {
		returning = *s.returning
	}
	return &letter{
		from: returning.path(),
		to:   to.path(),
		raw:  prepend(s.headers, finish(buf.Bytes())),
		utf8: returning.needsUTF8() || to.needsUTF8() || from.needsUTF8() || replyTo != nil && replyTo.needsUTF8(),

		sender: from,
	}, nil
}

// checkMessage refuses what nobody could read, or what could bring a field of its own.
func checkMessage(m transports.Message) error {
	switch {
	case m.ReceiptID == uuid.Nil:
		return transports.Errorf(transports.Permanent, "the message has no receipt id")
	case m.RenderedAt.IsZero():
		return transports.Errorf(transports.Permanent, "the message has no time of rendering")
	case strings.TrimSpace(m.Content.Subject) == "":
		return transports.Errorf(transports.Permanent, "the subject is empty")
	case strings.ContainsAny(m.Content.Subject, "\r\n\x00"):
		return transports.Errorf(transports.Permanent, "the subject has a line break or a zero byte")
	case m.Content.Text == "" && m.Content.HTML == "" && m.Content.Message == "":
		return transports.Errorf(transports.Permanent, "the message has neither text nor html nor message")
	}

	return checkFiles(m.Files)
}

// senders are the addresses in From and Reply-To: the content's, else the configured ones.
func (s *settings) senders(c transports.Content) (from mailbox, replyTo *mailbox, err error) {
	from, replyTo = s.from, s.replyTo
	if c.From != "" {
		if from, err = parseMailbox(c.From); err != nil {
			return from, nil, transports.Errorf(transports.Permanent, "from is not a mailbox: %v", err)
		}
	}
	if c.ReplyTo != "" {
		parsed, err := parseMailbox(c.ReplyTo)
		if err != nil {
			return from, nil, transports.Errorf(transports.Permanent, "reply_to is not a mailbox: %v", err)
		}
		replyTo = &parsed
	}
	return from, replyTo, nil
}

// bodies are the parts to send. There always is a text: many readers and every spam filter look at it.
func bodies(c transports.Content) (text, html string) {
	text, html = c.Text, strings.ToValidUTF8(c.HTML, "\uFFFD")
	if text == "" {
		text = c.Message
	}
	if text == "" {
		text = textOf(html)
	}
	if strings.TrimSpace(text) == "" {
		text = c.Subject // a page of pictures has no text of its own
	}
	return strings.ToValidUTF8(text, "\uFFFD"), html
}

// textOf renders markup as plain text; empty if it has none or cannot be read.
func textOf(html string) string {
	text, err := html2text.FromString(html)
	if err != nil {
		return ""
	}
	return text
}

// boundary separates the parts. It digests what is between, so that no part can contain it, and consists of letters and
// digits, because go-mail writes it without quotes.
func boundary(id uuid.UUID, text, html string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%d\n%s%s", id, len(text), text, html)
	return "carillon" + hex.EncodeToString(h.Sum(nil)[:20])
}

// finish ends the message in a line break, so that the final dot adds none, and puts the Message-ID on the line of its
// name: go-mail folds before a long one, which some filters read as empty.
func finish(raw []byte) []byte {
	header, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	header = bytes.Replace(header, []byte("\r\nMessage-ID:\r\n "), []byte("\r\nMessage-ID: "), 1)
	raw = bytes.Join([][]byte{header, body}, []byte("\r\n\r\n"))
	if !bytes.HasSuffix(raw, []byte("\r\n")) {
		raw = append(raw, '\r', '\n')
	}
	return raw
}

// encodeSubject makes a subject that arrives as it is written, and that go-mail folds only between words. Anything but
// plain words becomes encoded words, also text that merely looks like one, or has two blanks together: go-mail could
// fold those into a line of blanks, which ends a header for careless readers.
func encodeSubject(subject string) string {
	subject = truncate(strings.ToValidUTF8(subject, "\uFFFD"), maxSubject)
	if isPlain(subject) {
		return subject
	}
	const chunk = 33 // bytes; 56 characters encoded, which fit a line behind "Subject: "
	var words []string
	for subject != "" {
		n := 0
		for n < len(subject) {
			_, size := utf8.DecodeRuneInString(subject[n:])
			if n+size > chunk {
				break
			}
			n += size
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(subject[:n]))+"?=")
		subject = subject[n:]
	}
	return strings.Join(words, " ")
}

func isPlain(subject string) bool {
	if strings.Contains(subject, "=?") {
		return false
	}
	for word := range strings.SplitSeq(subject, " ") {
		if word == "" || len(word) > 60 {
			return false
		}
		for i := range len(word) {
			if word[i] <= ' ' || word[i] > '~' {
				return false
			}
		}
	}
	return true
}

// messageID is the same on every try, so that receivers can recognise a repetition (RFC 5322 §3.6.4, without the
// angle brackets).
func (s *settings) messageID(receipt uuid.UUID) string {
	return receipt.String() + "@" + s.MessageIDDomain
}
