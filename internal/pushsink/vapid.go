package pushsink

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/url"
	"strings"
	"time"
)

// claims are what a sender says of itself.
type claims struct {
	Audience string  `json:"aud"`
	Expires  float64 `json:"exp"`
	Subject  string  `json:"sub"`
}

// maxLife is how long a token may be valid, and then some for clocks. https://www.rfc-editor.org/rfc/rfc8292#section-2
const maxLife = 24*time.Hour + time.Minute

// verify reads an Authorization header of the scheme vapid, and returns the sender's public key and its subject. What is
// wrong with it is named; "" if nothing. https://www.rfc-editor.org/rfc/rfc8292#section-3
func verify(header, origin string, now time.Time) (key, subject, wrong string) {
	parameters, vapid := strings.CutPrefix(header, "vapid ")
	if !vapid {
		return "", "", "scheme"
	}
	var token string
	for part := range strings.SplitSeq(parameters, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			token = value
		case "k":
			key = value
		}
	}
	parts := strings.Split(token, ".")
	public, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || len(parts) != 3 {
		return "", "", "parameters"
	}
	sender, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		return "", "", "key"
	}
	var head struct {
		Type      string `json:"typ"`
		Algorithm string `json:"alg"`
	}
	var said claims
	if !decode(parts[0], &head) || !decode(parts[1], &said) || head.Type != "JWT" || head.Algorithm != "ES256" {
		return "", "", "token"
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || len(signature) != 64 {
		return "", "", "signature"
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !ecdsa.Verify(sender, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return "", "", "signature"
	}
	expires := time.Unix(int64(said.Expires), 0)
	contact, err := url.Parse(said.Subject)
	switch {
	case said.Audience != origin:
		return "", "", "aud"
	case !expires.After(now) || expires.After(now.Add(maxLife)):
		return "", "", "exp"
	case err != nil || contact.Scheme != "https" && (contact.Scheme != "mailto" || !strings.Contains(contact.Opaque, "@")):
		return "", "", "sub"
	}
	return key, said.Subject, ""
}

func decode(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(raw, into) == nil
}
