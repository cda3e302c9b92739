package webpush

import (
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// worth orders the classes of failures that are worth another try, the gravest first: one whose answer was lost must not
// be taken for one that surely failed, and what costs an attempt goes before what may wait for ever.
var worth = []transports.Class{transports.Unknown, transports.Transient, transports.Rate, transports.Configuration}

// conclude makes one result of what became of a message at each of its devices; a nil failure is an acceptance.
func conclude(
	to *subscriptions.Target, devices []subscriptions.Device, failures []*transports.Error,
) (transports.Result, error) {
	var open, over []*transports.Error
	accepted := to.Accepted
	var hosts []string
	for i, f := range failures {
		switch {
		case f == nil:
			accepted++
			hosts = append(hosts, hostOf(devices[i]))
		case slices.Contains(worth, f.Class):
			open = append(open, f)
		default:
			over = append(over, f)
		}
	}
	count := fmt.Sprintf("%d of %d devices have the message", accepted, to.Accepted+len(to.Devices))
	switch {
	case len(open) > 0:
		return transports.Result{}, gravest(open, accepted > 0, count)
	case accepted > 0:
		return transports.Result{Provider: together(hosts), Detail: count}, nil
	case len(over) == 0:
		return transports.Result{}, transports.Errorf(transports.Permanent, "no device is left that takes the message")
	}
	i := max(0, slices.IndexFunc(over, func(f *transports.Error) bool { return f.Class == transports.Permanent }))
	failed := *over[i]
	failed.Detail += ": " + count
	return transports.Result{}, &failed
}

// gravest is the failure that speaks for all.
func gravest(open []*transports.Error, partly bool, count string) *transports.Error {
	failed := *slices.MinFunc(open, func(a, b *transports.Error) int {
		return slices.Index(worth, a.Class) - slices.Index(worth, b.Class)
	})
	for _, f := range open {
		failed.RetryAfter = max(failed.RetryAfter, f.RetryAfter)
	}
	failed.Partly = partly
	failed.Detail += ": " + count
	return &failed
}

// Destination is the push services of the devices that do not have the message. Several of them together are a
// destination of their own, which usually lasts for one try: then those are left that failed.
func (t *Transport) Destination(m transports.Message) transports.Destination {
	to, ok := m.Target.(*subscriptions.Target)
	if !ok {
		return transports.Destination{}
	}
	var hosts []string
	for _, d := range open(to, m.Attempt) {
		hosts = append(hosts, hostOf(d))
	}
	return transports.Destination{Host: together(hosts)}
}

// maxNamed bounds how many push services a destination names.
const maxNamed = 3

// together names push services, each once.
func together(hosts []string) string {
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	if len(hosts) > maxNamed {
		hosts = append(hosts[:maxNamed], "others")
	}
	return strings.Join(hosts, "+")
}
