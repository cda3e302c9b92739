package transports

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Destination names what a send depends on beyond the message: if one of them is in trouble, others of the same name
// are. None of it is secret; it is stored, logged and shown.
type Destination struct {
	// Account is one set of credentials at the provider, by a name that gives nothing away; empty if there is only one.
	Account string
	// Host is the service that answers, such as a server's name. Account and host together have one breaker.
	Host string
	// Key is what the provider counts its rate by, such as a chat room. Defaults to Host. Account and key together have
	// one budget, which all workers share.
	Key string
	// Rate is how many sends the budget allows. The zero value allows any number, until the provider objects.
	Rate Limit
}

// Router is implemented by transports whose messages go to more than one destination, or have a rate. Every message of
// a transport that does not implement it has the zero Destination.
type Router interface {
	Transport
	// Destination says where m goes. It is called before every try, must be quick, and must not depend on the try.
	Destination(m Message) Destination
}

// Limit is a number of sends in a span of time. In configuration it is written 10/s, 300/min or 5000/h; the zero value
// has no limit.
type Limit struct {
	Count int
	Per   time.Duration
}

// spans are the units of a rate.
func spans() map[string]time.Duration {
	return map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
}

// maxRate bounds a rate; above it a limit means nothing.
const maxRate = 1_000_000

// Limited reports whether there is a limit.
func (r Limit) Limited() bool { return r.Count > 0 && r.Per > 0 }

// Period is the time that one send takes up; 0 without a limit.
func (r Limit) Period() time.Duration {
	if !r.Limited() {
		return 0
	}
	return r.Per / time.Duration(r.Count)
}

// String is as in configuration.
func (r Limit) String() string {
	if !r.Limited() {
		return ""
	}
	for unit, span := range spans() {
		if span == r.Per {
			return strconv.Itoa(r.Count) + "/" + unit
		}
	}
	return strconv.Itoa(r.Count) + "/" + r.Per.String()
}

// MarshalText writes the configuration's form.
func (r Limit) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads it. Empty text has no limit.
func (r *Limit) UnmarshalText(text []byte) error {
	*r = Limit{}
	if len(text) == 0 {
		return nil
	}
	count, unit, _ := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	span := spans()[strings.TrimSpace(unit)]
	if err != nil || n < 1 || n > maxRate || span == 0 {
		return fmt.Errorf("a rate is a number per s, min, h or d, such as 10/s (the number 1 to %d)", maxRate)
	}
	*r = Limit{Count: n, Per: span}
	return nil
}
