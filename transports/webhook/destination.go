package webhook

import (
	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
)

var _ transports.Router = (*Transport)(nil)

// Destination is the endpoint: each has a breaker and a budget of its own, so that what is wrong with one of them, even
// at a server that several share, keeps nobody else waiting. A fixed URL is told from others by its host.
func (t *Transport) Destination(m transports.Message) transports.Destination {
	to, err := t.target(m)
	if err != nil {
		return transports.Destination{}
	}
	d := transports.Destination{Host: host(to.URL)}
	if to.ID != uuid.Nil {
		d.Account = to.ID.String()
	}
	return d
}
