package transports

// Names of the content fields, as declarations, specs and problems spell them.
const (
	FieldSubject     = "subject"
	FieldTitle       = "title"
	FieldMessage     = "message"
	FieldText        = "text"
	FieldHTML        = "html"
	FieldFrom        = "from"
	FieldReplyTo     = "reply_to"
	FieldActionURL   = "action_url"
	FieldActionLabel = "action_label"
)

// Content is what a message says. As declared each field is a template; in a [Message] it is the finished text.
type Content struct {
	// Subject is one line, for transports that have one.
	Subject string `json:"subject,omitempty" yaml:"subject"`
	// Title heads a notification.
	Title string `json:"title,omitempty" yaml:"title"`
	// Message is the short plain text that every transport can carry.
	Message string `json:"message,omitempty" yaml:"message"`
	// Text is the long plain text of an email. Made from HTML when that alone is given, else from Message.
	Text string `json:"text,omitempty" yaml:"text"`
	// HTML is the body as markup. As a template it is escaped by context.
	HTML string `json:"html,omitempty" yaml:"html"`
	// From replaces the transport's configured sender: an RFC 5322 mailbox.
	From string `json:"from,omitempty" yaml:"from"`
	// ReplyTo is where answers go: an RFC 5322 mailbox.
	ReplyTo string `json:"reply_to,omitempty" yaml:"reply_to"`
	// ActionURL is where the recipient goes next; http or https.
	ActionURL string `json:"action_url,omitempty" yaml:"action_url"`
	// ActionLabel is the text of that link.
	ActionLabel string `json:"action_label,omitempty" yaml:"action_label"`
}

// Field is one named part of a [Content].
type Field struct {
	// Name is one of the Field… constants.
	Name string
	// Value points into the content it was taken from.
	Value *string
}

// Fields lists the parts of c in a fixed order; writing through a Value changes c.
func (c *Content) Fields() []Field {
	return []Field{
		{FieldSubject, &c.Subject},
		{FieldTitle, &c.Title},
		{FieldMessage, &c.Message},
		{FieldText, &c.Text},
		{FieldHTML, &c.HTML},
		{FieldFrom, &c.From},
		{FieldReplyTo, &c.ReplyTo},
		{FieldActionURL, &c.ActionURL},
		{FieldActionLabel, &c.ActionLabel},
	}
}

// Merge returns c with every non-empty field of over laid on top.
func (c Content) Merge(over Content) Content {
	to, from := c.Fields(), over.Fields()
	for i := range from {
		if *from[i].Value != "" {
			*to[i].Value = *from[i].Value
		}
	}
	return c
}

// Get returns the field called name, or "" if there is no such field.
func (c Content) Get(name string) string {
	for _, f := range c.Fields() {
		if f.Name == name {
			return *f.Value
		}
	}
	return ""
}
