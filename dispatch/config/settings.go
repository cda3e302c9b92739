package config

import (
	"encoding/json"
	"reflect"
)

// Redacted stands where a [Setting] has a secret.
const Redacted = "[redacted]"

// Setting is one key of a file, with what the file says about it.
type Setting struct {
	// Key is the path of the key, with the file's own names: worker.lease, events.orders.created.channels[0].delay.
	Key string
	// Value is as written, with the environment filled in, and [Redacted] in place of a secret. It is empty if the file
	// does not set the key, which then has its default.
	Value string
	// Line is where the file sets the key; 0 if it does not.
	Line int
	// Variable is the environment variable that the value, or a part of it, came from; empty if it came from none.
	Variable string
}

// settings lists what the file sets, and every other key whose path needs no name from its author; the keys of a
// transport only if the transport is used. The order is that of [Keys], or within a section that of the file.
func (l *loader) settings() []Setting {
	var all []Setting
	s := &settings{add: func(one Setting) { all = append(all, one) }}
	fields := keysOf(reflect.TypeFor[document]())
	for _, name := range fields.names {
		if name == "transports" {
			l.transportSettings(s)
			continue
		}
		s.walk(l.root.get(name), reflect.TypeFor[document]().Field(fields.index[name]).Type, name)
	}
	return all
}

func (l *loader) transportSettings(s *settings) {
	for _, b := range l.builders {
		section, given := l.doc.Transports[b.Spec.Name]
		if t := configOf(b); t != nil && (given || b.NoConfig) {
			s.private = true
			s.walk(section, t, "transports."+b.Spec.Name)
			s.private = false
		}
	}
}

// settings goes through the tree along the types that it was decoded into.
type settings struct {
	add func(Setting)
	// private values without a type of their own are not shown: in the section transports anything may be a credential.
	private bool
}

// walk lists what is at path; n is nil where the file has nothing.
func (s *settings) walk(n *node, t reflect.Type, path string) {
	switch {
	case t.Kind() == reflect.Interface || t == sampleType || t == nodeType:
		s.free(n, path)
	case isScalar(t):
		s.scalar(n, t, path)
	case t.Kind() == reflect.Pointer:
		s.walk(n, t.Elem(), path)
	case t.Kind() == reflect.Struct:
		fields := keysOf(t)
		for _, name := range fields.names {
			var below *node
			if n != nil {
				below = n.get(name)
			}
			s.walk(below, t.Field(fields.index[name]).Type, join(path, name))
		}
	case n == nil:
	case t.Kind() == reflect.Map:
		for _, e := range n.entries {
			s.named().walk(e.value, t.Elem(), join(path, e.key))
		}
	case t.Kind() == reflect.Slice:
		for i, item := range n.items {
			s.named().walk(item, t.Elem(), path+index(i))
		}
	}
}

// named is for what stands below a name of the author's, where only what is set counts.
func (s *settings) named() *settings {
	return &settings{private: s.private, add: func(one Setting) {
		if one.Line > 0 {
			s.add(one)
		}
	}}
}

func (s *settings) scalar(n *node, t reflect.Type, path string) {
	if n == nil || n.kind == null {
		s.add(Setting{Key: path})
		return
	}
	value := n.text
	if t == secretType {
		value = Redacted
	}
	s.add(Setting{Key: path, Value: value, Line: n.at.line, Variable: n.variable})
}

// free shows a value that may be anything as JSON.
func (s *settings) free(n *node, path string) {
	if n == nil || n.kind == null {
		s.add(Setting{Key: path})
		return
	}
	// Every value of a tree of ours can be encoded, but for the infinities, which are then shown as nothing.
	value, _ := json.Marshal((&decoder{report: &report{}}).free(n, spot{}))
	one := Setting{Key: path, Value: string(value), Line: n.at.line, Variable: n.firstVariable()}
	if s.private || one.Variable != "" {
		one.Value = Redacted
	}
	s.add(one)
}

// firstVariable is that of the first value that came from the environment.
func (n *node) firstVariable() string {
	if n.variable != "" {
		return n.variable
	}
	for _, e := range n.entries {
		if v := e.value.firstVariable(); v != "" {
			return v
		}
	}
	for _, item := range n.items {
		if v := item.firstVariable(); v != "" {
			return v
		}
	}
	return ""
}
