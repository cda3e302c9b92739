package config_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
)

// TestDKIMKeysComeByReference: a key of several lines in the environment is one value, and no problem repeats it.
func TestDKIMKeysComeByReference(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	env := func(name string) (string, bool) { return map[string]string{"DKIM_KEY": key}[name], name == "DKIM_KEY" }
	const source = `
transports:
  email:
    smtp: smtp://mail.example.com
    from: shop@example.com
    headers: { X-SES-Configuration-Set: shop, List-Id: <shop.example.com> }
    dkim:
      - { domain: DOMAIN, selector: s2026, key: "${DKIM_KEY}" }
`
	with := func(domain string) []byte { return []byte(strings.Replace(source, "DOMAIN", domain, 1)) }
	_, err = config.Parse("c.yaml", with("example.com"), two(), env)
	require.NoError(t, err)
	_, err = config.Parse("c.yaml", with("example.org"), two(), env)
	require.ErrorContains(t, err, "transports.email.dkim: has no key for the domain of from")
	require.NotContains(t, err.Error(), "PRIVATE")
	require.NotContains(t, err.Error(), key[40:60])
}
