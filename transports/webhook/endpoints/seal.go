package endpoints

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
)

// sealer encrypts with its first key and decrypts with any, so that keys can be replaced.
type sealer struct {
	first string
	keys  map[string]cipher.AEAD
}

// sealKeySize is that of AES-256, in bytes.
const sealKeySize = 32

func newSealer(keys []transports.Secret) (*sealer, error) {
	s := &sealer{keys: map[string]cipher.AEAD{}}
	for i, key := range keys {
		raw, err := base64.StdEncoding.DecodeString(key.Reveal())
		if err != nil || len(raw) != sealKeySize {
			return nil, errors.New("an encryption key is 32 random bytes in base64 (make one with: openssl rand -base64 32)")
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return nil, fmt.Errorf("use encryption key: %w", err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, fmt.Errorf("use encryption key: %w", err)
		}
		// A name that says nothing of the key: enough to tell a handful of keys apart.
		sum := sha256.Sum256(append([]byte("carillon key name:"), raw...))
		name := hex.EncodeToString(sum[:6])
		s.keys[name] = aead
		if i == 0 {
			s.first = name
		}
	}
	return s, nil
}

// seal returns the secret as it is stored, and the name of the key; "" without keys.
func (s *sealer) seal(tenant string, endpoint, id uuid.UUID, secret transports.Secret) (stored []byte, by string, err error) {
	if s.first == "" {
		return []byte(secret.Reveal()), "", nil
	}
	aead := s.keys[s.first]
	nonce := make([]byte, aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, "", fmt.Errorf("seal secret: %w", err)
	}
	return aead.Seal(nonce, nonce, []byte(secret.Reveal()), owner(tenant, endpoint, id)), s.first, nil
}

func (s *sealer) open(tenant string, endpoint, id uuid.UUID, stored []byte, by string) (transports.Secret, error) {
	if by == "" {
		return transports.Secret(stored), nil
	}
	aead := s.keys[by]
	if aead == nil || len(stored) < aead.NonceSize() {
		return "", ErrSealed
	}
	plain, err := aead.Open(nil, stored[:aead.NonceSize()], stored[aead.NonceSize():], owner(tenant, endpoint, id))
	if err != nil {
		return "", ErrSealed
	}
	return transports.Secret(plain), nil
}

// owner binds a secret to its row: moved to another one it does not open.
func owner(tenant string, endpoint, id uuid.UUID) []byte {
	return []byte("carillon endpoint key\x00" + tenant + "\x00" + endpoint.String() + "\x00" + id.String())
}
