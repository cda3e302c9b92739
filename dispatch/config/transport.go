package config

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/carillon-notify/carillon/transports"
)

// errReported is what a builder's decode returns; the problems behind it are in the report.
var errReported = errors.New("the section does not fit")

// buildTransports builds every transport that has a section or needs none.
func (l *loader) buildTransports() []transports.Transport {
	for _, name := range slices.Sorted(maps.Keys(l.doc.Transports)) {
		if why := l.unbuilt(name); why != "" {
			l.refuseKey("transports", name, why)
		}
	}
	var built []transports.Transport
	for _, b := range l.builders {
		section, given := l.doc.Transports[b.Spec.Name]
		if !given && !b.NoConfig {
			continue
		}
		if !given {
			section = &node{at: l.root.at}
		}
		if t := l.buildTransport(b, section); t != nil {
			built = append(built, t)
		}
	}
	return built
}

func (l *loader) buildTransport(b Builder, section *node) transports.Transport {
	here := spot{path: "transports." + b.Spec.Name, pattern: "transports." + b.Spec.Name}
	d := &decoder{report: l.report, private: true}
	asked := false
	var keys fields
	t, err := b.New(func(into any) error {
		asked = true
		err := d.section(section, into, here)
		if err == nil {
			keys = keysOf(typeOf(into))
		}
		return err
	})
	if !asked {
		// Nothing reads the section, so that nothing may stand in it.
		_ = d.section(section, &struct{}{}, here)
	}
	switch {
	case d.failed:
	case err != nil:
		for _, one := range split(err) {
			path, message := keyed(here.path, keys, strings.TrimPrefix(one.Error(), b.Spec.Name+": "))
			l.refuse(path, "%s", message)
		}
	case t == nil:
		l.refuse(here.path, "its builder made nothing")
	}
	if err != nil {
		return nil
	}
	return t
}

// split takes joined errors apart.
func split(err error) []error {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return []error{err}
	}
	if again := errors.Join(joined.Unwrap()...); again == nil || again.Error() != err.Error() {
		// Something around the joined errors has words of its own, which would be lost.
		return []error{err}
	}
	var all []error
	for _, one := range joined.Unwrap() {
		all = append(all, split(one)...)
	}
	return all
}

// keyed finds the key that a builder's error begins with. Those below it stand behind dots.
func keyed(path string, keys fields, message string) (where, rest string) {
	key, rest, _ := strings.Cut(message, " ")
	top, _, _ := strings.Cut(key, ".")
	if _, known := keys.index[top]; !known || rest == "" {
		return path, message
	}
	return path + "." + key, rest
}

// unbuilt says why no channel can use a transport, or "".
func (l *loader) unbuilt(name string) string {
	if _, known := l.known[name]; known {
		return ""
	}
	if slices.ContainsFunc(transports.Builtin(), func(s transports.Spec) bool { return s.Name == name }) {
		return "transport " + name + " is not part of this program (give config.Load a Builder for it)"
	}
	return "unknown transport (" + suggest(name, "transports", slices.Sorted(maps.Keys(l.known))) + ")"
}

// checkTransport says why a channel cannot use a transport, or "".
func (l *loader) checkTransport(name string) string {
	if name == "" {
		return "a channel needs a transport (transports: " + strings.Join(slices.Sorted(maps.Keys(l.known)), ", ") + ")"
	}
	if why := l.unbuilt(name); why != "" {
		return why
	}
	if _, given := l.doc.Transports[name]; !given && !l.known[name].NoConfig {
		return "transport " + name + " is not configured (add transports." + name + ")"
	}
	return ""
}

// specs are those that the dispatcher does not know by itself.
func (l *loader) specs() []transports.Spec {
	var specs []transports.Spec
	for _, b := range l.builders {
		known := slices.ContainsFunc(transports.Builtin(), func(s transports.Spec) bool { return s.Name == b.Spec.Name })
		if !known {
			specs = append(specs, b.Spec)
		}
	}
	return specs
}
