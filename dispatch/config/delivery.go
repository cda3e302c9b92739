package config

import (
	"maps"
	"slices"

	"github.com/carillon-notify/carillon/transports"
)

// checkDelivery refuses a section without a mode, so that nobody reaches real people by forgetting it, and what could
// not be delivered.
func (l *loader) checkDelivery() {
	d := l.doc.Delivery
	if d == nil {
		return
	}
	if d.Mode == "" {
		l.refuse("delivery", "needs a mode (live, redirect or capture)")
	}
	for _, name := range slices.Sorted(maps.Keys(d.Redirect)) {
		if why := l.unbuilt(name); why != "" {
			l.refuseKey("delivery.redirect", name, why)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Allow)) {
		if why := l.unbuilt(name); why != "" {
			l.refuseKey("delivery.allow", name, why)
		}
	}
	specs := make([]transports.Spec, len(l.builders))
	for i, b := range l.builders {
		specs[i] = b.Spec
	}
	for _, p := range d.Check(specs) {
		l.refuse("delivery."+p.Key, "%s", p.Message)
	}
}
