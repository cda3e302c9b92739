package sms

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/carillon-notify/carillon/transports"
)

var (
	_ transports.Transport      = (*Transport)(nil)
	_ transports.Closer         = (*Transport)(nil)
	_ transports.AddressChecker = (*Transport)(nil)
	_ transports.Router         = (*Transport)(nil)
	_ transports.Previewer      = (*Transport)(nil)
)

// Transport sends texts through one provider. It is safe for concurrent use.
type Transport struct {
	config   Config
	provider Provider
	closed   atomic.Bool
}

// New returns a transport. The error lists every problem of the configuration, each with its field, and quotes no secret.
func New(config *Config) (*Transport, error) {
	var c Config
	if config != nil {
		c = *config
	}
	c, provider, err := c.check()
	if err != nil {
		return nil, err
	}
	return &Transport{config: c, provider: provider}, nil
}

// Name is "sms".
func (t *Transport) Name() string { return transports.SMS }

// Spec is [transports.SMSSpec].
func (t *Transport) Spec() transports.Spec { return transports.SMSSpec() }

// String tells nothing of the credentials.
func (t *Transport) String() string { return "sms transport" }

// Destination is the provider; what it counts is the sender, with the configured rate.
func (t *Transport) Destination(m transports.Message) transports.Destination {
	options, _ := transports.Options[transports.SMSOptions](m) // Send says what is wrong with them.
	return transports.Destination{
		Account: t.config.Account, Host: t.provider.Name(), Key: cmp.Or(options.From, t.config.From), Rate: t.config.Rate,
	}
}

// CheckAddress finds numbers that nothing is sent to. The error does not repeat them.
func (t *Transport) CheckAddress(number string) error {
	if err := checkNumber(number); err != nil {
		return err
	}
	begins := func(all []string) bool {
		for _, prefix := range all {
			if strings.HasPrefix(number, prefix) {
				return true
			}
		}
		return false
	}
	switch {
	case len(t.config.AllowPrefixes) > 0 && !begins(t.config.AllowPrefixes):
		return errors.New("the number begins with none of allow_prefixes")
	case begins(t.config.DenyPrefixes):
		return errors.New("the number begins with one of deny_prefixes")
	}
	return nil
}

// Send sends m. Success means that the provider took it, not that it has arrived. What is wrong with the number or the
// text is found before anything is sent.
func (t *Transport) Send(ctx context.Context, m transports.Message) (transports.Result, error) {
	if err := ctx.Err(); err != nil {
		return transports.Result{}, transports.Classify(err)
	}
	if t.closed.Load() {
		return transports.Result{}, transports.Errorf(transports.Transient, "the transport is closed")
	}
	text, err := t.compose(m)
	if err != nil {
		return transports.Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	result, err := t.provider.Send(ctx, text)
	if err != nil {
		return transports.Result{}, classified(err)
	}
	return result, nil
}

// classified is an error of a provider's. One that says nothing may be of a text that is on its way.
func classified(err error) *transports.Error {
	e := transports.Classify(err)
	if said := new(transports.Error); !errors.As(err, &said) {
		e.Class = transports.Unknown
	}
	return e
}

// Preview is the text as it would be sent.
func (t *Transport) Preview(m transports.Message) (content []byte, extension string, err error) {
	text, err := t.compose(m)
	if err != nil {
		return nil, "", err
	}
	return []byte(text.Body), ".txt", nil
}

// compose makes the text of m. Equal messages give equal texts.
func (t *Transport) compose(m transports.Message) (Text, error) {
	options, err := transports.Options[transports.SMSOptions](m)
	if err != nil {
		return Text{}, err
	}
	to := m.Recipient.Address
	if err := t.CheckAddress(to); err != nil {
		return Text{}, transports.Errorf(transports.Address, "%s", err)
	}
	if options.From != "" {
		if err := transports.CheckSMSSender(options.From); err != nil {
			return Text{}, transports.Errorf(transports.Permanent, "the option from %s", err)
		}
	}
	body, tail := clean(m.Content.Message), ""
	if body == "" {
		return Text{}, transports.Errorf(transports.Permanent, "the message is blank")
	}
	if link := clean(m.Content.ActionURL); link != "" {
		tail = "\n" + link
	}
	whole := body + tail
	if n, _ := Segments(whole); n > options.MaxSegments {
		if options.TooLong == "refuse" {
			return Text{}, transports.Errorf(transports.Permanent, "the text takes %d segments (at most %d, see max_segments)", n, options.MaxSegments)
		}
		var fits bool
		if whole, fits = fit(body, tail, options.MaxSegments); !fits {
			return Text{}, transports.Errorf(transports.Permanent, "the link alone takes more than %d segments (see max_segments)", options.MaxSegments)
		}
	}
	text := Text{
		ReceiptID: m.ReceiptID, From: cmp.Or(options.From, t.config.From), To: to, Body: whole, Attempt: m.Attempt,
	}
	text.Segments, text.Encoding = Segments(whole)
	return text, nil
}

// clean takes out what phones would act on or cannot show: control characters but line feeds, and blanks around the text.
func clean(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\t", " ").Replace(strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, text))
}

// Close closes the provider's idle connections. A Send after Close fails as transient.
func (t *Transport) Close(ctx context.Context) error {
	t.closed.Store(true)
	if closer, ok := t.provider.(transports.Closer); ok {
		return closer.Close(ctx)
	}
	return nil
}
