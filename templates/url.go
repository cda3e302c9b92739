package templates

import (
	"errors"
	"net/url"
	"strings"
	"unicode"
)

// CheckURL accepts absolute http and https URLs, and nothing else: what a payload puts into the URL of an action must
// neither run a script nor hide where it leads. The error never contains the URL, which may bear a token.
func CheckURL(s string) error {
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\\' }) {
		return errors.New("url contains a space, a control character or a backslash")
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("url is malformed")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("url is not absolute http or https")
	case u.Opaque != "" || u.Hostname() == "":
		return errors.New("url has no host")
	case u.User != nil:
		return errors.New("url contains a user name (it can pass for the host)")
	}
	return nil
}
