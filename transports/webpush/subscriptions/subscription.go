package subscriptions

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

// State says whether a subscription is sent to.
type State string

// The states.
const (
	Active State = "active"
	// Refused is one whose push service turned our keys down, as it does when the browser subscribed with another public
	// key. It comes back to life when the browser subscribes again, or by [Store.Activate].
	Refused State = "refused"
)

// MaxPerPerson is how many subscriptions a person may have. Each is a request for each message, all of them under way at
// once.
const MaxPerPerson = 20

// maxDevice bounds what a device is called, in runes.
const maxDevice = 100

// Sizes of the keys, in bytes. https://www.rfc-editor.org/rfc/rfc8291#section-3.1 and #section-3.2
const (
	publicSize = 65
	authSize   = 16
)

// Subscription is one browser of a person. Its endpoint and keys are left out: whoever has them, and our private key, can
// send.
type Subscription struct {
	ID     uuid.UUID `json:"id"`
	Tenant string    `json:"tenant,omitempty"`
	Person string    `json:"person"`
	// Host is the push service: scheme and host of the endpoint.
	Host string `json:"host"`
	// Device is what the application calls the browser; it may be empty.
	Device    string    `json:"device,omitempty"`
	State     State     `json:"state"`
	CreatedAt time.Time `json:"created_at"`
	// LastOKAt is when its push service last took a message; nil if it never did.
	LastOKAt *time.Time `json:"last_ok_at,omitempty"`
}

// AddParams is what a subscription is made of.
type AddParams struct {
	// Tenant is the person's. Defaults to "".
	Tenant string
	// Person is whose browser it is: the id under which audiences name her. Required.
	Person string
	// Endpoint is the push service's URL for it. Required.
	Endpoint string
	// P256dh is the browser's public key, and Auth the secret that it shares with us: unpadded base64url, as browsers write
	// them. Required.
	P256dh, Auth string
	// Device is what people call the browser, such as "Firefox on Linux"; at most 100 characters.
	Device string
}

// Parse reads a subscription as browsers write it: JSON.stringify(subscription). Tenant, person and device are the
// caller's to fill in. An [*InvalidError] says what is missing.
func Parse(raw []byte) (AddParams, error) {
	var s struct {
		Endpoint string `json:"endpoint"`
		Keys     struct {
			P256dh string `json:"p256dh"`
			Auth   string `json:"auth"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return AddParams{}, &InvalidError{Field: "json", Problem: "cannot be read (send JSON.stringify(subscription))"}
	}
	p := AddParams{Endpoint: s.Endpoint, P256dh: s.Keys.P256dh, Auth: s.Keys.Auth}
	_, _, err := p.keys()
	if s.Endpoint == "" {
		err = &InvalidError{Field: "endpoint", Problem: "is missing"}
	}
	return p, err
}

func (p *AddParams) validate() error {
	switch {
	case len(p.Tenant) > 255 || !storable(p.Tenant):
		return &InvalidError{Field: "tenant", Problem: "is longer than 255 bytes, or no text"}
	case p.Person == "" || len(p.Person) > 255 || !storable(p.Person):
		return &InvalidError{Field: "person", Problem: "is missing, longer than 255 bytes, or no text"}
	case utf8.RuneCountInString(p.Device) > maxDevice || !storable(p.Device):
		return &InvalidError{Field: "device", Problem: "is longer than 100 characters, or no text"}
	}
	return nil
}

// keys decodes the keys. A public key that is no point of the curve would make every send fail.
func (p *AddParams) keys() (public, auth []byte, err error) {
	public, err = decode(p.P256dh)
	if err != nil || len(public) != publicSize {
		return nil, nil, &InvalidError{Field: "p256dh", Problem: "is not 65 bytes in base64url"}
	}
	if _, err = ecdh.P256().NewPublicKey(public); err != nil {
		return nil, nil, &InvalidError{Field: "p256dh", Problem: "is no point of the curve P-256"}
	}
	auth, err = decode(p.Auth)
	if err != nil || len(auth) != authSize {
		return nil, nil, &InvalidError{Field: "auth", Problem: "is not 16 bytes in base64url"}
	}
	return public, auth, nil
}

// decode reads base64url, and base64 as older browsers' polyfills write it.
func decode(text string) ([]byte, error) {
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	return base64.RawURLEncoding.DecodeString(text)
}

func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
