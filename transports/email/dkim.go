package email

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/carillon-notify/carillon/transports"
)

// DKIM is a key that messages are signed with. Its public half stands in DNS, as a TXT record of
// SELECTOR._domainkey.DOMAIN.
type DKIM struct {
	// Domain is the signing domain: that of the sender, or one above it. Required.
	Domain string `yaml:"domain"`
	// Selector names the key within the domain. Required.
	Selector string `yaml:"selector"`
	// Key is the private key, RSA of at least 1024 bits or Ed25519, as PKCS #8 or PKCS #1: in PEM, or only the base64 that
	// PEM has between its lines, which fits a variable of the environment better. Required.
	Key transports.Secret `yaml:"key"`
}

// signer is a DKIM key, read and checked.
type signer struct {
	domain   string
	selector string
	key      crypto.Signer
}

// signedHeaders are the fields that a signature covers, if they are there: what a reader sees, what an answer or a
// cancellation goes by, and what describes the body. Both List fields must be covered for one-click cancellation (RFC
// 8058).
var signedHeaders = []string{
	"From", "Reply-To", "Subject", "Date", "To", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
	"Auto-Submitted", "List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID",
}

// oversigned are those of which nobody may add another on the way: a signature says how many there are.
var oversigned = []string{"From", "Reply-To", "Subject", "Date", "To"}

// checkDKIM reads the keys. Its problems do not quote them.
func checkDKIM(keys []DKIM, from mailbox, problem func(field, format string, args ...any)) []signer {
	var signers []signer
	for i, k := range keys {
		report := func(format string, args ...any) {
			problem("dkim", "key %d: %s", i+1, fmt.Sprintf(format, args...))
		}
		if !isDomain(k.Domain) || !strings.Contains(k.Domain, ".") {
			report("domain is not a domain name")
		}
		if !isDomain(k.Selector) {
			report("selector is not a name")
		}
		key, err := k.read()
		if err != nil {
			report("%v", err)
			continue
		}
		s := signer{domain: strings.ToLower(k.Domain), selector: strings.ToLower(k.Selector), key: key}
		if slices.ContainsFunc(signers, func(o signer) bool { return o.domain == s.domain && o.selector == s.selector }) {
			report("domain and selector are those of another key")
		}
		signers = append(signers, s)
	}
	covers := func(s signer) bool { return s.covers(from) }
	if len(signers) > 0 && len(signers) == len(keys) && from.addr != "" && !slices.ContainsFunc(signers, covers) {
		problem("dkim", "has no key for the domain of from")
	}
	return signers
}

func (k DKIM) read() (crypto.Signer, error) {
	if k.Key == "" {
		return nil, errors.New("key is required")
	}
	var der []byte
	if block, _ := pem.Decode([]byte(strings.TrimSpace(k.Key.Reveal()))); block != nil {
		der = block.Bytes
	} else if bare, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(k.Key.Reveal()), "")); err == nil {
		der = bare
	} else {
		return nil, errors.New("the key is neither PEM nor base64")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if parsed, err = x509.ParsePKCS1PrivateKey(der); err != nil {
			return nil, errors.New("the key is neither PKCS #8 nor PKCS #1")
		}
	}
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() < 1024 {
			return nil, fmt.Errorf("the RSA key has %d bits (at least 1024, better 2048)", key.N.BitLen())
		}
		return key, nil
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errors.New("the key is neither RSA nor Ed25519")
}

// covers tells whether the key may speak for a sender, as DMARC sees it: the domain itself or one above it.
func (s signer) covers(from mailbox) bool {
	domain := strings.ToLower(from.domain())
	return domain == s.domain || strings.HasSuffix(domain, "."+s.domain)
}

// sign returns the letter's bytes with a signature of each key that covers its sender in front. The signatures are those
// of one try, since they bear its time; the letter below them is the same on every try.
func (s *settings) sign(l *letter) ([]byte, error) {
	var signatures []byte
	for _, key := range s.signers {
		if !key.covers(l.sender) {
			continue
		}
		signed, err := key.sign(l.raw)
		if err != nil {
			return nil, &transports.Error{Class: transports.Configuration, Detail: "the message could not be signed", Err: err}
		}
		signatures = append(signatures, signed...)
	}
	return append(signatures, l.raw...), nil
}

// sign returns the header field with the signature. Both canonicalisations are relaxed: relays refold headers and trim
// blanks.
func (s signer) sign(raw []byte) ([]byte, error) {
	signer, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: s.domain, Selector: s.selector, Signer: s.key,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: headerKeys(raw),
	})
	if err != nil {
		return nil, err
	}
	_, writeErr := signer.Write(raw)
	if err := signer.Close(); err != nil || writeErr != nil {
		return nil, errors.Join(err, writeErr)
	}
	return []byte(signer.Signature()), nil
}

// headerKeys lists the fields to sign: each that is there, and once more each that must not be added to.
func headerKeys(raw []byte) []string {
	header, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	present := make(map[string]bool)
	for line := range bytes.SplitSeq(header, []byte("\r\n")) {
		if name, _, ok := bytes.Cut(line, []byte(":")); ok && len(name) > 0 && name[0] != ' ' && name[0] != '\t' {
			present[textproto.CanonicalMIMEHeaderKey(string(name))] = true
		}
	}
	var keys []string
	for _, name := range signedHeaders {
		if present[textproto.CanonicalMIMEHeaderKey(name)] {
			keys = append(keys, name)
		}
	}
	return append(keys, oversigned...)
}
