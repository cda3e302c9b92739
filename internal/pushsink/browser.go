package pushsink

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// Browser is the receiving end of a subscription.
type Browser struct {
	private *ecdh.PrivateKey
	auth    []byte
}

// NewBrowser makes one with keys of its own.
func NewBrowser() (*Browser, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make browser: %w", err)
	}
	auth := make([]byte, 16)
	_, _ = rand.Read(auth) // It never fails.
	return &Browser{private: private, auth: auth}, nil
}

// BrowserOf has the keys given: a private key of 32 bytes, and the shared secret of 16.
func BrowserOf(private, auth []byte) (*Browser, error) {
	key, err := ecdh.P256().NewPrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("make browser: %w", err)
	}
	return &Browser{private: key, auth: auth}, nil
}

// Public is the browser's public key.
func (b *Browser) Public() []byte { return b.private.PublicKey().Bytes() }

// Subscription is one as a browser writes it: JSON.stringify(subscription).
// https://www.w3.org/TR/push-api/#dom-pushsubscription-tojson
type Subscription struct {
	Endpoint       string `json:"endpoint"`
	ExpirationTime *int64 `json:"expirationTime"`
	Keys           struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

// JSON is what a page sends to its server.
func (s Subscription) JSON() []byte {
	encoded, _ := json.Marshal(s) // Texts always encode.
	return encoded
}

// subscription is the browser's at an endpoint.
func (b *Browser) subscription(endpoint string) Subscription {
	s := Subscription{Endpoint: endpoint}
	s.Keys.P256dh = base64.RawURLEncoding.EncodeToString(b.Public())
	s.Keys.Auth = base64.RawURLEncoding.EncodeToString(b.auth)
	return s
}

// The header of the encryption: salt, record size, length of the key, key. https://www.rfc-editor.org/rfc/rfc8188#section-2.1
const (
	saltSize   = 16
	keySize    = 65
	headerSize = saltSize + 4 + 1 + keySize
	tagSize    = 16
)

var errEncryption = errors.New("the message is not encrypted for this browser")

// Decrypt reads a message that was encrypted for the browser. https://www.rfc-editor.org/rfc/rfc8291#section-3
func (b *Browser) Decrypt(body []byte) ([]byte, error) {
	if len(body) < headerSize+tagSize+1 || body[saltSize+4] != keySize {
		return nil, errEncryption
	}
	salt, sender := body[:saltSize], body[saltSize+5:headerSize]
	// A message is one record, and the record size no smaller. https://www.rfc-editor.org/rfc/rfc8291#section-4
	if size := binary.BigEndian.Uint32(body[saltSize:]); int(size) < len(body)-headerSize {
		return nil, errEncryption
	}
	public, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, errEncryption
	}
	shared, err := b.private.ECDH(public)
	if err != nil {
		return nil, errEncryption
	}
	info := "WebPush: info\x00" + string(b.Public()) + string(sender)
	secret, err := hkdf.Key(sha256.New, shared, b.auth, info, 32)
	if err != nil {
		return nil, errEncryption
	}
	key, errKey := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	nonce, errNonce := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12)
	if errKey != nil || errNonce != nil {
		return nil, errEncryption
	}
	plain, err := open(key, nonce, body[headerSize:])
	if err != nil {
		return nil, errEncryption
	}
	// Padding is a 2, which marks the last record, and zeros. https://www.rfc-editor.org/rfc/rfc8188#section-2
	for len(plain) > 0 && plain[len(plain)-1] == 0 {
		plain = plain[:len(plain)-1]
	}
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		return nil, errEncryption
	}
	return plain[:len(plain)-1], nil
}

func open(key, nonce, sealed []byte) ([]byte, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nonce, sealed, nil)
}
