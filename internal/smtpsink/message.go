package smtpsink

import (
	"bytes"
	"net/textproto"
	"slices"
	"strings"
	"time"

	"github.com/jhillyerd/enmime/v2"
)

// Message is a mail that the server took responsibility for.
type Message struct {
	// Session is how it came: the connection and the envelope.
	Session Session
	// Raw is what was sent between DATA and the final dot, byte for byte.
	Raw []byte
	// ParseErr tells why the fields below are empty; nil if the message could be read.
	ParseErr error

	// MessageID is without its angle brackets.
	MessageID string
	// Subject, From, To and ReplyTo are decoded header fields.
	Subject string
	From    string
	To      string
	ReplyTo string
	// Date is zero if the message has none that can be read.
	Date time.Time
	// Text and HTML are the decoded parts; empty if there is no such part.
	Text string
	HTML string
	// Header are all fields, decoded.
	Header textproto.MIMEHeader
}

func newMessage(session Session, raw []byte) Message {
	session.To = slices.Clone(session.To)
	m := Message{Session: session, Raw: raw}
	envelope, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	if err != nil {
		m.ParseErr = err
		return m
	}
	m.Header = textproto.MIMEHeader{}
	for _, key := range envelope.GetHeaderKeys() {
		m.Header[key] = envelope.GetHeaderValues(key)
	}
	m.MessageID = strings.Trim(envelope.GetHeader("Message-Id"), "<>")
	m.Subject = envelope.GetHeader("Subject")
	m.From = envelope.GetHeader("From")
	m.To = envelope.GetHeader("To")
	m.ReplyTo = envelope.GetHeader("Reply-To")
	if date, err := envelope.Date(); err == nil {
		m.Date = date
	}
	// Not envelope.Text: that would be made up from the HTML where a text part is missing.
	m.Text = partOf(envelope.Root, "text/plain")
	m.HTML = partOf(envelope.Root, "text/html")
	return m
}

func partOf(root *enmime.Part, contentType string) string {
	part := root.DepthMatchFirst(func(p *enmime.Part) bool { return p.ContentType == contentType })
	if part == nil {
		return ""
	}
	return string(part.Content)
}
