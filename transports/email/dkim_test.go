package email_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

// newKey is a private key in PEM, and its public half.
func newKey(tb testing.TB, algorithm string) (transports.Secret, crypto.PublicKey) {
	tb.Helper()
	var private crypto.Signer
	var err error
	if algorithm == "ed25519" {
		_, private, err = ed25519.GenerateKey(rand.Reader)
	} else {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	require.NoError(tb, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(tb, err)
	return transports.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), private.Public()
}

// The verifier below is written from RFC 6376 and RFC 8463 alone, so that it shares no mistake with the library that
// signs. It knows relaxed canonicalisation and SHA-256, which is all that may be used.

var (
	blanks  = regexp.MustCompile(`[ \t]+`)
	bValue  = regexp.MustCompile(`(;\s*b=)[^;]*`)
	unfolds = strings.NewReplacer("\r\n", "")
)

// headerFields are the fields as they stand, folds and all.
func headerFields(raw []byte) (fields []string, body string) {
	header, body, _ := strings.Cut(string(raw), "\r\n\r\n")
	for _, line := range strings.Split(header, "\r\n") {
		if line[0] == ' ' || line[0] == '\t' {
			fields[len(fields)-1] += "\r\n" + line
			continue
		}
		fields = append(fields, line)
	}
	return fields, body
}

func relaxedField(field string) string {
	name, value, _ := strings.Cut(unfolds.Replace(field), ":")
	return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.TrimSpace(blanks.ReplaceAllString(value, " "))
}

func relaxedBody(body string) string {
	lines := strings.Split(body, "\r\n")
	for i := range lines {
		lines[i] = strings.TrimRight(blanks.ReplaceAllString(lines[i], " "), " ")
	}
	text := strings.TrimRight(strings.Join(lines, "\r\n"), "\r\n")
	if text != "" {
		text += "\r\n"
	}
	return text
}

func tags(field string) map[string]string {
	_, value, _ := strings.Cut(unfolds.Replace(field), ":")
	all := map[string]string{}
	for tag := range strings.SplitSeq(value, ";") {
		name, value, _ := strings.Cut(tag, "=")
		all[strings.TrimSpace(name)] = strings.Join(strings.Fields(value), "")
	}
	return all
}

// verifyDKIM checks every signature of a mail, each with the key of its selector, and returns their tags by selector.
func verifyDKIM(raw []byte, keys map[string]crypto.PublicKey) (map[string]map[string]string, error) {
	fields, body := headerFields(raw)
	found := map[string]map[string]string{}
	for _, signature := range fields {
		if !strings.HasPrefix(strings.ToLower(signature), "dkim-signature:") {
			continue
		}
		t := tags(signature)
		hashed := sha256.Sum256([]byte(relaxedBody(body)))
		if t["c"] != "relaxed/relaxed" || t["bh"] != base64.StdEncoding.EncodeToString(hashed[:]) {
			return nil, fmt.Errorf("the body is not that of %s", t["s"])
		}
		used := map[int]bool{}
		var signed strings.Builder
		for name := range strings.SplitSeq(t["h"], ":") {
			for i := len(fields) - 1; i >= 0; i-- {
				if own, _, _ := strings.Cut(fields[i], ":"); !used[i] && strings.EqualFold(own, name) {
					used[i] = true
					signed.WriteString(relaxedField(fields[i]) + "\r\n")
					break
				}
			}
		}
		signed.WriteString(bValue.ReplaceAllString(relaxedField(signature), "$1"))
		digest := sha256.Sum256([]byte(signed.String()))
		value, err := base64.StdEncoding.DecodeString(t["b"])
		if err != nil {
			return nil, err
		}
		switch key := keys[t["s"]].(type) {
		case *rsa.PublicKey:
			if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], value); err != nil || t["a"] != "rsa-sha256" {
				return nil, fmt.Errorf("the signature of %s is wrong (%w)", t["s"], err)
			}
		case ed25519.PublicKey:
			if !ed25519.Verify(key, digest[:], value) || t["a"] != "ed25519-sha256" {
				return nil, fmt.Errorf("the signature of %s is wrong", t["s"])
			}
		default:
			return nil, fmt.Errorf("there is no key %s", t["s"])
		}
		found[t["s"]] = t
	}
	return found, nil
}

func TestEveryMailIsSigned(t *testing.T) {
	t.Parallel()
	rsaKey, rsaPublic := newKey(t, "rsa")
	edKey, edPublic := newKey(t, "ed25519")
	keys := map[string]crypto.PublicKey{"s2026": rsaPublic, "ed": edPublic}
	block, _ := pem.Decode([]byte(edKey.Reveal()))
	bare := transports.Secret(base64.StdEncoding.EncodeToString(block.Bytes))
	sink := startSink(t, &smtpsink.Config{SMTPUTF8: true})
	transport := newTransport(t, &email.Config{
		SMTP: transports.Secret(sink.URL()),
		Headers: map[string]string{
			"List-Unsubscribe":      "<https://shop.example.com/u/" + strings.Repeat("t0ken", 40) + ">, <mailto:stop@example.com>",
			"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
			"X-Campaign":            "spring",
		},
		DKIM: []email.DKIM{
			{Domain: "example.com", Selector: "s2026", Key: rsaKey},
			{Domain: "Example.com", Selector: "ed", Key: bare},
		},
	})
	change := map[string]func(c *transports.Content){
		"Plain":          func(*transports.Content) {},
		"HTML":           func(c *transports.Content) { c.HTML = "<p>Dear Carla, <b>welcome</b>.</p>" },
		"LongSubject":    func(c *transports.Content) { c.Subject = strings.Repeat("long subject ", 30) },
		"ForeignSubject": func(c *transports.Content) { c.Subject = "žluťoučký 漢字かな交じり文 👩‍👩‍👧" },
		"Blanks":         func(c *transports.Content) { c.Text = "  a \t b  \n\n\n \n\nend \n\n\n" },
		"Long":           func(c *transports.Content) { c.Text = strings.Repeat("word ", 20_000) },
		"BareCR":         func(c *transports.Content) { c.Text = "a\r.\rb\n.\n..c" },
		"OnlyBlanks":     func(c *transports.Content) { c.Text, c.Message = " \n", "x" },
		"Subdomain":      func(c *transports.Content) { c.From = "news@mail.EXAMPLE.com" },
		"ReplyTo":        func(c *transports.Content) { c.ReplyTo = `"Help, please" <help@example.com>` },
		"LongName":       func(c *transports.Content) { c.From = `"` + strings.Repeat("名前", 60) + `" <shop@example.com>` },
	}
	for name, f := range change {
		t.Run(name, func(t *testing.T) {
			m := newMessage()
			f(&m.Content)
			got := deliver(t, sink, transport, m)
			found, err := verifyDKIM(got.Raw, keys)
			require.NoError(t, err, "%s", got.Raw)
			require.Len(t, found, 2)
			for _, tag := range found {
				require.Equal(t, "example.com", tag["d"])
				signed := strings.Split(strings.ToLower(tag["h"]), ":")
				require.Subset(t, signed, []string{
					"from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post", "content-type",
				})
				require.NotContains(t, signed, "x-campaign")
			}
			for _, other := range [][2]string{
				{"\r\nSubject:", "\r\nSubject: x"},
				{"=One-Click", "=Two-Click"},
				{"\r\nFrom:", "\r\nFrom: x@example.net\r\nFrom:"},
			} {
				forged := bytes.Replace(got.Raw, []byte(other[0]), []byte(other[1]), 1)
				require.False(t, bytes.Equal(got.Raw, forged), other[0])
				_, err = verifyDKIM(forged, keys)
				require.Error(t, err, "%s for %s", other[1], other[0])
			}
		})
	}
}

// TestASignatureBelongsToATry: it has the time of its try, and below it all bytes are those of the first one.
func TestASignatureBelongsToATry(t *testing.T) {
	t.Parallel()
	key, public := newKey(t, "ed25519")
	sink := startSink(t, nil)
	transport := newTransport(t, &email.Config{
		SMTP: transports.Secret(sink.URL()), DKIM: []email.DKIM{{Domain: "example.com", Selector: "s", Key: key}},
	})
	m := newMessage()
	first := deliver(t, sink, transport, m)
	<-time.After(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
	m.Attempt = 2
	second := deliver(t, sink, transport, m)
	require.NotEqual(t, string(first.Raw), string(second.Raw))
	require.Equal(t, unsigned(first.Raw), unsigned(second.Raw))
	for _, raw := range [][]byte{first.Raw, second.Raw} {
		found, err := verifyDKIM(raw, map[string]crypto.PublicKey{"s": public})
		require.NoError(t, err)
		require.Len(t, found, 1)
	}
}

// unsigned is a mail without its signatures.
func unsigned(raw []byte) string {
	fields, body := headerFields(raw)
	var kept []string
	for _, f := range fields {
		if !strings.HasPrefix(f, "DKIM-Signature:") {
			kept = append(kept, f)
		}
	}
	return strings.Join(kept, "\r\n") + "\r\n\r\n" + body
}

func TestAKeySignsOnlyForItsDomain(t *testing.T) {
	t.Parallel()
	key, public := newKey(t, "ed25519")
	sink := startSink(t, nil)
	transport := newTransport(t, &email.Config{
		SMTP: transports.Secret(sink.URL()), DKIM: []email.DKIM{{Domain: "example.com", Selector: "s", Key: key}},
	})
	for from, signed := range map[string]bool{
		"": true, "a@example.com": true, "a@mail.example.com": true, "a@notexample.com": false, "a@example.org": false,
		"a@example.com.example.org": false,
	} {
		m := newMessage()
		m.Content.From = from
		found, err := verifyDKIM(deliver(t, sink, transport, m).Raw, map[string]crypto.PublicKey{"s": public})
		require.NoError(t, err)
		require.Equal(t, signed, len(found) == 1, "%s", from)
	}
}

func TestDKIMProblems(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, "ed25519")
	good := email.DKIM{Domain: "example.com", Selector: "s", Key: key}
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	tests := map[string]func(k *email.DKIM){
		"email: dkim key 1: domain is not a domain name":            func(k *email.DKIM) { k.Domain = "nodot" },
		"email: dkim key 1: selector is not a name":                 func(k *email.DKIM) { k.Selector = "a b" },
		"email: dkim key 1: key is required":                        func(k *email.DKIM) { k.Key = "" },
		"email: dkim key 1: the key is neither PEM nor base64":      func(k *email.DKIM) { k.Key = "canary-secret" },
		"email: dkim key 1: the key is neither PKCS #8 nor PKCS #1": func(k *email.DKIM) { k.Key = pemOf([]byte("canary")) },
		"email: dkim has no key for the domain of from":             func(k *email.DKIM) { k.Domain = "example.org" },
	}
	for want, change := range tests {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			k := good
			change(&k)
			_, err := email.New(&email.Config{SMTP: "smtp://mail.example.com", From: "shop@example.com", DKIM: []email.DKIM{k}})
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "canary")
		})
	}
	_, err = email.New(&email.Config{SMTP: "smtp://mail.example.com", From: "shop@example.com", DKIM: []email.DKIM{good, good}})
	require.ErrorContains(t, err, "email: dkim key 2: domain and selector are those of another key")
	old := good
	old.Key = pemOf(x509.MarshalPKCS1PrivateKey(weak))
	_, err = email.New(&email.Config{SMTP: "smtp://mail.example.com", From: "shop@example.com", DKIM: []email.DKIM{old}})
	require.NoError(t, err, "PKCS #1 is read, too")
}

func pemOf(der []byte) transports.Secret {
	return transports.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestHeadersAreAddedOnceAndWhole(t *testing.T) {
	t.Parallel()
	headers := map[string]string{
		"X-SES-Configuration-Set": "shop", "Feedback-ID": "spring:shop:example",
		"List-Unsubscribe": "<https://example.com/" + strings.Repeat("x", 200) + ">, <mailto:a@example.com>",
	}
	sink := startSink(t, nil)
	transport := newTransport(t, &email.Config{SMTP: transports.Secret(sink.URL()), Headers: maps.Clone(headers)})
	got := deliver(t, sink, transport, newMessage())
	for name, value := range headers {
		require.Equal(t, []string{value}, got.Header.Values(name), name)
	}
	require.Equal(t, "Order A7 created", got.Subject)
}

func TestHeaderProblems(t *testing.T) {
	t.Parallel()
	for _, headers := range []map[string]string{
		{"": "x"},
		{"X Y": "x"},
		{"X:": "x"},
		{"X\r\nBcc": "x"},
		{"1X": "x"},
		{"Ünter": "x"},
		{strings.Repeat("X", 77): "x"},
		{"From": "x"},
		{"bcc": "x"},
		{"SUBJECT": "x"},
		{"Resent-To": "x"},
		{"content-type": "x"},
		{"DKIM-signature": "x"},
		{"X-A": ""},
		{"X-A": "a\r\nBcc: b"},
		{"X-A": "a\nb"},
		{"X-A": "a\x00"},
		{"X-A": "ä"},
		{"X-A": "a\tb"},
		{"X-A": " a"},
		{"X-A": "a  b"},
		{"X-A": strings.Repeat("x", 999)},
		{"X-A": "a", "x-a": "b"},
		{"List-Unsubscribe-Post": "x"},
	} {
		_, err := email.New(&email.Config{SMTP: "smtp://mail.example.com", From: "shop@example.com", Headers: headers})
		require.ErrorContains(t, err, "email: headers has ", "%q", headers)
	}
}
