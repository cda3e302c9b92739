package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
)

// Scheme is how a key signs.
type Scheme string

// The schemes, as declarations and the CLI spell them.
const (
	HMAC    Scheme = "hmac"
	Ed25519 Scheme = "ed25519"
)

// What keys begin with.
const (
	prefixShared = "whsec_"
	prefixSecret = "whsk_"
	prefixPublic = "whpk_"
)

// Bounds of a shared secret, in bytes, by the standard.
const (
	minShared = 24
	maxShared = 64
)

// Key signs, verifies, or both. It prints as its scheme.
type Key struct {
	scheme Scheme
	shared []byte
	secret ed25519.PrivateKey
	public ed25519.PublicKey
}

// ParseKey reads whsec_…, whsk_… or whpk_… and base64. The error is [ErrKey] and repeats nothing of the text.
func ParseKey(text string) (Key, error) {
	for prefix, read := range map[string]func([]byte) (Key, bool){
		prefixShared: func(raw []byte) (Key, bool) {
			return Key{scheme: HMAC, shared: raw}, len(raw) >= minShared && len(raw) <= maxShared
		},
		prefixSecret: secretKey,
		prefixPublic: func(raw []byte) (Key, bool) {
			return Key{scheme: Ed25519, public: raw}, len(raw) == ed25519.PublicKeySize
		},
	} {
		encoded, found := strings.CutPrefix(text, prefix)
		if !found {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return Key{}, fmt.Errorf("%w: what follows %s is not base64", ErrKey, prefix)
		}
		key, ok := read(raw)
		if !ok {
			return Key{}, fmt.Errorf("%w: %s with %d bytes", ErrKey, prefix, len(raw))
		}
		return key, nil
	}
	return Key{}, fmt.Errorf("%w: it begins with none of %s, %s, %s", ErrKey, prefixShared, prefixSecret, prefixPublic)
}

// secretKey reads a seed, or a seed with its public key behind it, which must fit.
func secretKey(raw []byte) (Key, bool) {
	if len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize {
		return Key{}, false
	}
	secret := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && subtle.ConstantTimeCompare(secret, raw) != 1 {
		return Key{}, false
	}
	public, _ := secret.Public().(ed25519.PublicKey)
	return Key{scheme: Ed25519, secret: secret, public: public}, true
}

// NewKey makes a key: 32 random bytes, or an ed25519 pair.
func NewKey(scheme Scheme) (Key, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return Key{}, fmt.Errorf("make a webhook key: %w", err)
	}
	switch scheme {
	case HMAC:
		return Key{scheme: HMAC, shared: raw}, nil
	case Ed25519:
		key, _ := secretKey(raw)
		return key, nil
	}
	return Key{}, fmt.Errorf("make a webhook key: %w: unknown scheme %q (one of %s, %s)", ErrKey, scheme, HMAC, Ed25519)
}

// Scheme is how the key signs.
func (k Key) Scheme() Scheme { return k.scheme }

// CanSign tells a secret key from a public one.
func (k Key) CanSign() bool { return len(k.shared) > 0 || len(k.secret) > 0 }

// Reveal is the key as text, to be stored or to be given to the receiver of a shared one. Empty for a public key.
func (k Key) Reveal() string {
	switch {
	case len(k.shared) > 0:
		return prefixShared + base64.StdEncoding.EncodeToString(k.shared)
	case len(k.secret) > 0:
		return prefixSecret + base64.StdEncoding.EncodeToString(k.secret)
	}
	return ""
}

// Public is what a receiver verifies with and may know: the public half of a pair; empty for a shared secret.
func (k Key) Public() string {
	if len(k.public) == 0 {
		return ""
	}
	return prefixPublic + base64.StdEncoding.EncodeToString(k.public)
}

// String is the scheme.
func (k Key) String() string { return "webhook key (" + string(k.scheme) + ")" }

// GoString hides the key from %#v.
func (k Key) GoString() string { return k.String() }

// LogValue hides the key from slog.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText hides the key from encoders.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// sign is the signature with its version.
func (k Key) sign(content []byte) string {
	if k.scheme == Ed25519 {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(k.secret, content))
	}
	return "v1," + base64.StdEncoding.EncodeToString(k.mac(content))
}

func (k Key) mac(content []byte) []byte {
	h := hmac.New(sha256.New, k.shared)
	h.Write(content)
	return h.Sum(nil)
}

// made tells whether the key made the signature, in a time that does not depend on where they differ.
func (k Key) made(version string, sig, content []byte) bool {
	switch {
	case version == "v1" && k.scheme == HMAC:
		return hmac.Equal(sig, k.mac(content))
	case version == "v1a" && k.scheme == Ed25519:
		return len(sig) == ed25519.SignatureSize && ed25519.Verify(k.public, content, sig)
	}
	return false
}
