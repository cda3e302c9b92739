package sink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// TLS returns the configuration of a server whose certificate no client should trust, in one of these ways: "expired",
// "misnamed", "selfsigned", or "old", which speaks TLS 1.0 only.
func TLS(how string) (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sink.test"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	switch how {
	case "selfsigned":
	case "expired":
		template.NotAfter = time.Now().Add(-24 * time.Hour)
	case "misnamed":
		template.DNSNames, template.IPAddresses = []string{"elsewhere.test"}, nil
	case "old":
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	default:
		return nil, fmt.Errorf("no such certificate: %q", how)
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	config.Certificates = []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}
	return config, nil
}
