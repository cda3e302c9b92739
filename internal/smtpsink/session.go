package smtpsink

import (
	"crypto/subtle"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
)

// errCut ends a stage whose connection was closed; nobody reads it.
var errCut = errors.New("smtpsink: connection cut")

// session is one client's dialogue; go-smtp calls it from one goroutine.
type session struct {
	server *Server
	conn   *conn
	state  Session
}

var _ gosmtp.AuthSession = (*session)(nil)

// AuthMechanisms lists what EHLO offers.
func (s *session) AuthMechanisms() []string {
	if s.server.cfg.Username == "" {
		return nil
	}
	return s.server.cfg.Mechanisms
}

// Auth returns the server side of a mechanism.
func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if !slices.Contains(s.AuthMechanisms(), mechanism) {
		return nil, gosmtp.ErrAuthUnknownMechanism
	}
	if mechanism == AuthLogin {
		return &loginServer{login: s.login}, nil
	}
	return sasl.NewPlainServer(func(_, username, password string) error { return s.login(username, password) }), nil
}

func (s *session) login(username, password string) error {
	cfg := s.server.cfg
	sameUser := subtle.ConstantTimeCompare([]byte(username), []byte(cfg.Username))
	samePassword := subtle.ConstantTimeCompare([]byte(password), []byte(cfg.Password))
	if sameUser&samePassword != 1 {
		return gosmtp.ErrAuthFailed
	}
	if err := s.ask(cfg.AuthFunc); err != nil {
		return err
	}
	s.state.User = username
	return nil
}

// Mail begins a transaction.
func (s *session) Mail(from string, opts *gosmtp.MailOptions) error {
	if s.server.cfg.Username != "" && s.state.User == "" {
		return &gosmtp.SMTPError{Code: 530, EnhancedCode: gosmtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	s.state.From, s.state.To = from, nil
	s.state.UTF8 = opts != nil && opts.UTF8
	return s.ask(s.server.cfg.MailFunc)
}

// Rcpt adds a recipient.
func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.state.To = append(s.state.To, to)
	if err := s.ask(s.server.cfg.RcptFunc); err != nil {
		s.state.To = s.state.To[:len(s.state.To)-1]
		return err
	}
	return nil
}

// Data reads the message and keeps it unless the script says otherwise.
func (s *session) Data(r io.Reader) error {
	if err := s.ask(s.server.cfg.BodyFunc); err != nil {
		return err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var a Answer
	if f := s.server.cfg.DataFunc; f != nil {
		a = f(s.snapshot())
	}
	s.server.hold(a, s.conn, true)
	if a.Code == 0 && a.Cut != CutSilently {
		s.server.keep(newMessage(s.state, raw))
	}
	return s.give(a)
}

// Reset ends the transaction, not the session.
func (s *session) Reset() {
	s.state.From, s.state.To, s.state.UTF8 = "", nil, false
}

// Logout ends the session.
func (s *session) Logout() error { return nil }

// ask runs a stage's function and carries out its answer.
func (s *session) ask(f func(Session) Answer) error {
	if f == nil {
		return nil
	}
	a := f(s.snapshot())
	s.server.hold(a, s.conn, false)
	return s.give(a)
}

// give turns an answer into what go-smtp expects, cutting the connection where asked to.
func (s *session) give(a Answer) error {
	switch a.Cut {
	case CutSilently, CutKeeping:
		_ = s.conn.Close()
		return errCut
	case CutAfterReply:
		s.conn.closeAfterReply()
	}
	if a.Code == 0 {
		return nil
	}
	return &gosmtp.SMTPError{Code: a.Code, EnhancedCode: enhancedCode(a.Enhanced), Message: a.Text}
}

func (s *session) snapshot() Session {
	state := s.state
	state.To = slices.Clone(state.To)
	return state
}

// enhancedCode reads "5.1.1"; anything else means none.
func enhancedCode(text string) gosmtp.EnhancedCode {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return gosmtp.NoEnhancedCode
	}
	var code gosmtp.EnhancedCode
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil {
			return gosmtp.NoEnhancedCode
		}
		code[i] = n
	}
	return code
}

// loginServer is the LOGIN mechanism, which go-sasl has for clients only.
type loginServer struct {
	login    func(username, password string) error
	username string
	step     int
}

// Next asks for the name, then the password. A client may send the name with the command.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if l.step == 0 && response == nil {
		l.step = 1
		return []byte("Username:"), false, nil
	}
	if l.step <= 1 {
		l.username, l.step = string(response), 2
		return []byte("Password:"), false, nil
	}
	return nil, true, l.login(l.username, string(response))
}
