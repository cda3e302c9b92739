package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"

	push "github.com/SherClockHolmes/webpush-go"

	"github.com/carillon-notify/carillon/transports"
)

// Keys are an application's pair for VAPID, in unpadded base64url.
type Keys struct {
	// Public is what pages give to pushManager.subscribe as applicationServerKey.
	Public string `json:"public_key"`
	// Private signs; browsers that subscribed with the public key take messages signed by it alone.
	Private transports.Secret `json:"private_key"`
}

// NewKeys makes a pair. An application makes one for good: browsers have to subscribe again for another.
func NewKeys() (Keys, error) {
	private, public, err := push.GenerateVAPIDKeys()
	if err != nil {
		return Keys{}, errors.New("make keys: the system gives no randomness")
	}
	return Keys{Public: public, Private: transports.Secret(private)}, nil
}

// pair checks a private key and returns it with its public key. The error does not repeat it.
func pair(private transports.Secret) (Keys, error) {
	const wrong = "is not 32 bytes in base64url (make a pair with: carillon keys vapid)"
	raw, err := base64.RawURLEncoding.DecodeString(private.Reveal())
	if err != nil {
		return Keys{}, errors.New(wrong)
	}
	key, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		return Keys{}, errors.New(wrong)
	}
	return Keys{Public: base64.RawURLEncoding.EncodeToString(key.PublicKey().Bytes()), Private: private}, nil
}
