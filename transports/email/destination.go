package email

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/carillon-notify/carillon/transports"
)

var _ transports.Router = (*Transport)(nil)

// accountBytes is how much of a hash names an account: enough to tell a few apart, too little to find one by.
const accountBytes = 4

// Destination is the server, or Resend, with the same breaker and budget for all messages of one user there. The user's name is
// often a key, so a piece of its hash stands for it.
func (t *Transport) Destination(transports.Message) transports.Destination {
	d := transports.Destination{Host: t.settings.target.host, Rate: t.settings.Rate}
	user := t.settings.target.username.Reveal()
	if r := t.settings.resend; r != nil {
		d.Host, user = r.emails.Hostname(), r.key.Reveal()
	}
	if user != "" {
		sum := sha256.Sum256([]byte("carillon account " + user))
		d.Account = hex.EncodeToString(sum[:accountBytes])
	}
	return d
}
