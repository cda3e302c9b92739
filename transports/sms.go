package transports

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// SMS is the name of the SMS transport.
const SMS = "sms"

// SMSOptions are the options of an SMS channel.
type SMSOptions struct {
	// From replaces the configured sender.
	From string `yaml:"from" template:"true" doc:"who it comes from, in place of the configured sender: a number (+4930123456), a short code, or up to 11 letters and digits"`
	// MaxSegments is the most that one message may cost.
	MaxSegments int `yaml:"max_segments" default:"3" doc:"the most segments that one message may take, 1 to 10; each is paid for like a message"`
	// TooLong says what becomes of a longer text.
	TooLong string `yaml:"too_long" oneof:"cut,refuse" default:"cut" doc:"what becomes of a text that takes more: cut, in an ellipsis with the link left whole, or refuse, as failed(rejected)"`
}

// maxSMSSegments is what networks and services put together again. https://www.twilio.com/docs/glossary/what-sms-character-limit
const maxSMSSegments = 10

// smsSender is a number, a short code or a name. https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id
var smsSender = regexp.MustCompile(`^(\+[1-9][0-9]{1,14}|[0-9]{3,8}|[A-Za-z0-9 &+_-]{0,10}[A-Za-z][A-Za-z0-9 &+_-]{0,10})$`)

// CheckSMSSender says what is wrong with the sender of text messages, without repeating it.
func CheckSMSSender(from string) error {
	if !smsSender.MatchString(from) || from[0] != '+' && len(from) > 11 {
		return errors.New("is no sender (a number such as +4930123456, a short code of 3 to 8 digits, or up to 11 letters and digits)")
	}
	return nil
}

// CheckOptions says what the tags cannot.
func (o SMSOptions) CheckOptions() error {
	var errs []error
	if o.From != "" && !strings.Contains(o.From, "{{") {
		if err := CheckSMSSender(o.From); err != nil {
			errs = append(errs, fmt.Errorf("from %w", err))
		}
	}
	if o.MaxSegments < 1 || o.MaxSegments > maxSMSSegments {
		errs = append(errs, fmt.Errorf("max_segments must be 1 to %d", maxSMSSegments))
	}
	return errors.Join(errs...)
}

// SMSSpec is the spec of the SMS transport. A text that comes twice is paid for twice, and most services know no key by
// which they would recognise it, so that one whose answer was lost is parked.
func SMSSpec() Spec {
	return Spec{
		Name:      SMS,
		Doc:       "a text message to a phone, by Twilio or a service of your own",
		Address:   AddressPhone,
		Required:  []string{FieldMessage},
		Uses:      []string{FieldActionURL},
		Options:   SMSOptions{},
		OnUnknown: Park,
	}
}
