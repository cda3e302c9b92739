package email

import (
	"errors"

	"github.com/carillon-notify/carillon/transports"
)

var (
	_ transports.AddressChecker = (*Transport)(nil)
	_ transports.Previewer      = (*Transport)(nil)
)

// CheckAddress accepts what Send could put into RCPT.
func (t *Transport) CheckAddress(address string) error {
	if _, err := parseAddress(address); err != nil {
		return errors.New("is not a usable email address: " + err.Error())
	}
	return nil
}

// Preview returns the mail as Send would hand it to the server, for a file with the ending ".eml"; for Resend, the body of
// the request, with the ending ".json".
func (t *Transport) Preview(m transports.Message) (content []byte, extension string, err error) {
	if r := t.settings.resend; r != nil {
		content, err = r.compose(m)
		return content, ".json", err
	}
	l, err := t.settings.compose(m)
	if err != nil {
		return nil, "", err
	}
	return l.raw, ".eml", nil
}
