package email_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

const remote = "mail.example.test" // a name that is not loopback, and leads to the sink by DialFunc

func trust(sink *smtpsink.Server) *tls.Config { return &tls.Config{RootCAs: sink.CertPool()} }

func to(sink *smtpsink.Server) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, sink.Addr())
	}
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	login := smtpsink.Config{Hosts: []string{remote}, Username: "user", Password: "canary-password"}
	with := func(mode smtpsink.TLSMode, c smtpsink.Config) smtpsink.Config {
		c.TLS = mode
		return c
	}
	loginByLOGIN := with(smtpsink.StartTLS, login)
	loginByLOGIN.Mechanisms = []string{smtpsink.AuthLogin}
	loginLater := with(smtpsink.StartTLS, login)
	loginLater.AuthFunc = always(refuse(454, "4.7.0"))
	loginOdd := with(smtpsink.StartTLS, login)
	loginOdd.AuthFunc = always(refuse(504, "5.5.4"))
	named := smtpsink.Config{Hosts: []string{remote}}

	tests := map[string]struct {
		sink     smtpsink.Config
		url      string
		distrust bool
		class    transports.Class
		tls      bool
		user     string
	}{
		"STARTTLS":               {sink: with(smtpsink.StartTLS, named), url: "smtp://" + remote, class: transports.OK, tls: true},
		"STARTTLSMissing":        {sink: named, url: "smtp://" + remote, class: transports.Configuration},
		"STARTTLSOff":            {sink: named, url: "smtp://" + remote + "?tls=off", class: transports.OK},
		"STARTTLSOffThoughThere": {sink: with(smtpsink.StartTLS, named), url: "smtp://" + remote + "?tls=off", class: transports.OK},
		"STARTTLSOnLoopback":     {sink: with(smtpsink.StartTLS, named), url: "smtp://127.0.0.1?tls=starttls", class: transports.OK, tls: true},
		"LoopbackIsPlain":        {sink: with(smtpsink.StartTLS, named), url: "smtp://localhost", class: transports.OK},
		"CertificateUnknown":     {sink: with(smtpsink.StartTLS, named), url: "smtp://" + remote, distrust: true, class: transports.Configuration},
		"CertificateOfAnother":   {sink: with(smtpsink.StartTLS, named), url: "smtp://other.example.test", class: transports.Configuration},
		"Implicit":               {sink: with(smtpsink.ImplicitTLS, named), url: "smtps://" + remote, class: transports.OK, tls: true},
		"ImplicitUnknown":        {sink: with(smtpsink.ImplicitTLS, named), url: "smtps://" + remote, distrust: true, class: transports.Configuration},
		"ImplicitToPlainServer":  {sink: named, url: "smtps://" + remote, class: transports.Configuration},
		"Login":                  {sink: with(smtpsink.StartTLS, login), url: "smtp://user:canary-password@" + remote, class: transports.OK, tls: true, user: "user"},
		"LoginByLOGIN":           {sink: loginByLOGIN, url: "smtp://user:canary-password@" + remote, class: transports.OK, tls: true, user: "user"},
		"LoginImplicit":          {sink: with(smtpsink.ImplicitTLS, login), url: "smtps://user:canary-password@" + remote, class: transports.OK, tls: true, user: "user"},
		"LoginOnLoopback":        {sink: login, url: "smtp://user:canary-password@localhost", class: transports.OK, user: "user"},
		"LoginOnLoopbackByIP":    {sink: login, url: "smtp://user:canary-password@127.0.0.2", class: transports.OK, user: "user"},
		"LoginWrong":             {sink: with(smtpsink.StartTLS, login), url: "smtp://user:canary-other@" + remote, class: transports.Configuration},
		"LoginLater":             {sink: loginLater, url: "smtp://user:canary-password@" + remote, class: transports.Transient},
		"LoginOdd":               {sink: loginOdd, url: "smtp://user:canary-password@" + remote, class: transports.Configuration},
		"LoginWanted":            {sink: with(smtpsink.StartTLS, login), url: "smtp://" + remote, class: transports.Configuration},
		"LoginNotOffered":        {sink: with(smtpsink.StartTLS, named), url: "smtp://user:canary-password@" + remote, class: transports.Configuration},
		"LoginNotWithoutTLS":     {sink: login, url: "smtp://user:canary-password@" + remote, class: transports.Configuration},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := startSink(t, &tt.sink)
			config := &email.Config{SMTP: transports.Secret(tt.url), DialFunc: to(sink)}
			if !tt.distrust {
				config.TLS = trust(sink)
			}
			transport := newTransport(t, config)
			_, err := transport.Send(patient(t), newMessage())
			if tt.class == transports.OK {
				require.NoError(t, err)
				session := sink.Messages()[0].Session
				require.Equal(t, tt.tls, session.TLS)
				require.Equal(t, tt.user, session.User)
				return
			}
			requireClass(t, tt.class, err)
			require.NotContains(t, err.Error(), "canary")
			require.Empty(t, sink.Messages(), "no fall-back")
			require.NoError(t, transport.Close(patient(t)))
			require.NoError(t, sink.WaitOpen(patient(t), 0), "a failed set-up leaves no socket")
		})
	}
}

func TestSTARTTLSRefusedByTheServer(t *testing.T) {
	t.Parallel()
	for reply, class := range map[string]transports.Class{
		"454 4.7.0 not now": transports.Transient, "501 5.5.4 no": transports.Configuration, "": transports.Transient,
	} {
		addr := scriptAddr(t, map[string]string{"EHLO": "250-script\n250 STARTTLS", "STARTTLS": reply}, nil)
		transport := newTransport(t, &email.Config{SMTP: transports.Secret("smtp://" + addr + "?tls=starttls")})
		_, err := transport.Send(patient(t), newMessage())
		requireClass(t, class, err)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	sink := startSink(t, &smtpsink.Config{TLS: smtpsink.StartTLS, Hosts: []string{remote}})
	config := trust(sink)
	config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	transport := newTransport(t, &email.Config{SMTP: "smtp://" + remote, DialFunc: to(sink), TLS: config})
	_, err := transport.Send(patient(t), newMessage())
	requireClass(t, transports.Configuration, err)
	require.Equal(t, uint16(tls.VersionTLS10), config.MinVersion, "the caller's config is not changed")
}

func TestSMTPUTF8(t *testing.T) {
	t.Parallel()
	change := map[string]func(m *transports.Message){
		"Recipient": func(m *transports.Message) { m.Recipient.Address = "zoë@example.com" },
		"From":      func(m *transports.Message) { m.Content.From = "zoë@example.com" },
		"ReplyTo":   func(m *transports.Message) { m.Content.ReplyTo = "zoë@example.com" },
	}
	for name, f := range change {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMessage()
			f(&m)
			with, transport := setup(t, &smtpsink.Config{SMTPUTF8: true})
			require.True(t, deliver(t, with, transport, m).Session.UTF8)
			require.False(t, deliver(t, with, transport, newMessage()).Session.UTF8, "asked for only where needed")

			without, transport := setup(t, nil)
			_, err := transport.Send(patient(t), m)
			e := classified(t, transports.Permanent, err)
			require.Contains(t, e.Detail, "SMTPUTF8")
			require.Empty(t, without.Messages())
			deliver(t, without, transport, newMessage())
			opened, _ := without.Connections()
			require.Equal(t, 1, opened, "nothing was said, so the connection is as good as before")
		})
	}
}

func TestSizeLimitOfTheServer(t *testing.T) {
	t.Parallel()
	var asked bool
	sink, transport := setup(t, &smtpsink.Config{MaxMessageBytes: 2000, MailFunc: func(smtpsink.Session) smtpsink.Answer {
		asked = true
		return smtpsink.Answer{}
	}})
	m := newMessage()
	m.Content.Text = strings.Repeat("too big ", 300)
	_, err := transport.Send(patient(t), m)
	requireClass(t, transports.Permanent, err)
	require.False(t, asked, "the message was not offered")
	deliver(t, sink, transport, newMessage())
}
