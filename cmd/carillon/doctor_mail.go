package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/url"
	"time"

	"github.com/carillon-notify/carillon/cmd/carillon/doctor"
	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

// greetTimeout bounds the whole talk with a mail server.
const greetTimeout = 10 * time.Second

// mailServer is the server of the section transports.email; without a section it has no url.
type mailServer struct {
	url  transports.Secret
	helo string
}

// watch returns the builders, of which that of email notes its server here.
func (m *mailServer) watch(all []config.Builder) []config.Builder {
	for i, b := range all {
		if b.Spec.Name != transports.Email {
			continue
		}
		newFunc := b.New
		all[i].New = func(decode func(any) error) (transports.Transport, error) {
			return newFunc(func(into any) error {
				err := decode(into)
				if c, ok := into.(*email.Config); ok && err == nil {
					m.url, m.helo = c.SMTP, c.HELO
				}
				return err
			})
		}
	}
	return all
}

// examine says whether the server answers.
func (m *mailServer) examine(ctx context.Context) doctor.Finding {
	const check = "email"
	if m.url == "" {
		return doctor.Finding{Check: check, Status: doctor.OK, Found: "not configured"}
	}
	server, err := url.Parse(m.url.Reveal())
	if err != nil { // The error would quote it.
		return doctor.Finding{Check: check, Status: doctor.Fail, Found: "transports.email.smtp is no URL", WayOut: "see carillon config check"}
	}
	ctx, cancel := context.WithTimeout(ctx, greetTimeout)
	defer cancel()
	if err := m.greet(ctx, server); err != nil {
		return doctor.Finding{
			Check: check, Status: doctor.Fail, Found: fmt.Sprintf("%s does not answer as it should: %s", server.Hostname(), err),
			WayOut: "look at the server, at transports.email.smtp and at what is between",
		}
	}
	return doctor.Finding{Check: check, Status: doctor.OK, Found: server.Hostname() + " answers"}
}

// greet connects, says EHLO, does TLS where the transport would, and takes leave. It does not log in.
func (m *mailServer) greet(ctx context.Context, server *url.URL) error {
	port := "587"
	if server.Scheme == "smtps" {
		port = "465"
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(server.Hostname(), cmp.Or(server.Port(), port)))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // Nothing of value was written.
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	secured := &tls.Config{ServerName: server.Hostname(), MinVersion: tls.VersionTLS12}
	if server.Scheme == "smtps" {
		encrypted := tls.Client(conn, secured)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return err
		}
		conn = encrypted
	}
	client, err := smtp.NewClient(conn, server.Hostname())
	if err != nil {
		return err
	}
	if err := client.Hello(cmp.Or(m.helo, "localhost")); err != nil {
		return err
	}
	if wantsStartTLS(server) {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return errors.New("it does not offer STARTTLS")
		}
		if err := client.StartTLS(secured); err != nil {
			return err
		}
	}
	return client.Quit()
}

// wantsStartTLS says what the transport does by itself: smtp:// is STARTTLS, but to this machine, unless ?tls= says else.
func wantsStartTLS(server *url.URL) bool {
	ip := net.ParseIP(server.Hostname())
	local := server.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	switch server.Query().Get("tls") {
	case "off":
		return false
	case "starttls":
		return true
	}
	return server.Scheme == "smtp" && !local
}
