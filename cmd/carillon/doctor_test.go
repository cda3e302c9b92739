package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/cmd/carillon/doctor"
	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
)

// examineMail greets the server that a file names.
func examineMail(t *testing.T, url string) doctor.Finding {
	t.Helper()
	mail := &mailServer{}
	source := "transports: { email: { smtp: \"" + url + "\", from: shop@example.com } }"
	_, err := config.Parse(defaultConfig, []byte(source), mail.watch(builders()), nil)
	require.NoError(t, err)
	return mail.examine(t.Context())
}

func TestDoctorGreetsTheMailServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, prefix, suffix string
		mode                 smtpsink.TLSMode
		status               doctor.Status
		found                string
	}{
		{"Plain", "smtp://", "", smtpsink.Plain, doctor.OK, "127.0.0.1 answers"},
		{"TLSIsNotOffered", "smtp://", "?tls=starttls", smtpsink.Plain, doctor.Fail, "it does not offer STARTTLS"},
		{"UntrustedAfterSTARTTLS", "smtp://", "?tls=starttls", smtpsink.StartTLS, doctor.Fail, "certificate"},
		{"UntrustedFromTheFirstByte", "smtps://", "", smtpsink.ImplicitTLS, doctor.Fail, "certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, err := smtpsink.Start(&smtpsink.Config{TLS: c.mode})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, server.Close()) })
			found := examineMail(t, c.prefix+server.Addr()+c.suffix)
			require.Equal(t, c.status, found.Status, "%+v", found)
			require.Contains(t, found.Found, c.found)
			require.Empty(t, server.Messages())
		})
	}
}

func TestDoctorDoesNotTellThePassword(t *testing.T) {
	t.Parallel()
	found := examineMail(t, "smtp://shop:s3cret@127.0.0.1:1")
	require.Equal(t, doctor.Fail, found.Status)
	require.NotContains(t, found.Found, "s3cret")
	broken := &mailServer{url: transports.Secret("smtp://shop:s3%cret@host")}
	require.NotContains(t, broken.examine(t.Context()).Found, "cret")
}
