package config

import (
	"reflect"
	"strings"

	"github.com/carillon-notify/carillon/transports"
)

// options decodes a channel's options into the struct of its transport's spec; nil if the file has none, or the
// transport takes none.
func (l *loader) options(path string, c channel) any {
	b, known := l.known[c.Transport]
	if c.Options == nil || c.Options.kind == null || !known {
		return nil
	}
	described, err := transports.OptionsOf(b.Spec.Options)
	if err != nil {
		return nil // The dispatcher reports it of the transport.
	}
	if len(described) == 0 {
		l.refuse(path, "transport %s takes no options (remove the key)", c.Transport)
		return nil
	}
	into := reflect.New(reflect.TypeOf(b.Spec.Options))
	d := &decoder{report: l.report}
	// What does not fit is noted; the rest is still checked.
	_ = d.section(c.Options, into.Interface(), spot{path: path, pattern: "events.*.channels[].options"})
	return into.Elem().Interface()
}

// checkAddresses asks the transports that can tell about each fixed address.
func (l *loader) checkAddresses(built []transports.Transport) {
	for _, t := range built {
		checker, ok := t.(transports.AddressChecker)
		if !ok {
			continue
		}
		for name, a := range l.doc.Audiences {
			address := a.Fixed[t.Name()]
			if strings.TrimSpace(address) == "" {
				continue
			}
			if err := checker.CheckAddress(address); err != nil {
				l.refuse("audiences."+name+".fixed."+t.Name(), "%s", err)
			}
		}
	}
}
