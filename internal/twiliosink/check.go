package twiliosink

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The codes of what is refused here. Each has a page below https://www.twilio.com/docs/api/errors/.
const (
	codeAuthenticate    = 20003
	codeNotFound        = 20404
	codeTooManyRequests = 20429
	codeInvalidTo       = 21211
	codeInvalidFrom     = 21212
	codeNoBody          = 21602
	codeNoFrom          = 21603
	codeNoTo            = 21604
	codeNotOurFrom      = 21606
	codeInvalidCallback = 21609
	codeOptedOut        = 21610
	codeTooLong         = 21617
	codeInvalidValidity = 20001
)

// maxBody is the longest text, in characters. https://www.twilio.com/docs/api/errors/21617
const maxBody = 1600

var (
	number = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	sender = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|[A-Za-z0-9 &+_-]{1,11})$`)
)

// Decode reads a request, and says how Twilio would refuse it; nil if it would not.
func (s *Server) Decode(r *http.Request, body []byte) (Message, *Answer) {
	if r.URL.Path != "/2010-04-01/Accounts/"+s.AccountSID()+"/Messages.json" {
		return Message{}, Refuse(http.StatusNotFound, codeNotFound)
	}
	if !s.authentic(r) {
		return Message{}, Refuse(http.StatusUnauthorized, codeAuthenticate)
	}
	if r.Method != http.MethodPost {
		return Message{}, Refuse(http.StatusMethodNotAllowed, 20004) // https://www.twilio.com/docs/api/errors/20004
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		form = url.Values{}
	}
	m := Message{
		To: form.Get("To"), From: form.Get("From"), MessagingServiceSID: form.Get("MessagingServiceSid"), Body: form.Get("Body"),
		StatusCallback: form.Get("StatusCallback"), ValidityPeriod: form.Get("ValidityPeriod"), Raw: body,
	}
	if code := s.check(m); code != 0 {
		return m, Refuse(http.StatusBadRequest, code)
	}
	return m, nil
}

// authentic accepts the account's own credentials, and those of a key.
// https://www.twilio.com/docs/usage/requests-to-twilio#credentials
func (s *Server) authentic(r *http.Request) bool {
	user, password, given := r.BasicAuth()
	own := user == s.AccountSID() && password == s.cfg.AuthToken
	key := s.cfg.APIKey != "" && user == s.cfg.APIKey && password == s.cfg.APIKeySecret
	return given && (own || key)
}

func (s *Server) check(m Message) int {
	callback, err := url.Parse(m.StatusCallback)
	validity, notNumber := strconv.Atoi(m.ValidityPeriod)
	switch {
	case m.To == "":
		return codeNoTo
	case !number.MatchString(m.To):
		return codeInvalidTo
	case m.From == "" && m.MessagingServiceSID == "":
		return codeNoFrom
	case m.From != "" && !sender.MatchString(m.From):
		return codeInvalidFrom
	case m.From != "" && !s.owns(m.From):
		return codeNotOurFrom
	case strings.TrimSpace(m.Body) == "":
		return codeNoBody
	case utf8.RuneCountInString(m.Body) > maxBody:
		return codeTooLong
	case slices.Contains(s.cfg.OptedOut, m.To):
		return codeOptedOut
	case m.StatusCallback != "" && (err != nil || callback.Host == "" || !strings.HasPrefix(callback.Scheme, "http")):
		return codeInvalidCallback
	case m.ValidityPeriod != "" && (notNumber != nil || validity < 1 || validity > 36000):
		// https://www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
		return codeInvalidValidity
	}
	return 0
}
