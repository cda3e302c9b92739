package templates

import "strings"

// ref is what the compiler knows about where a value comes from.
type ref struct {
	path     string // From the payload; empty for the payload itself.
	known    bool   // False: path says nothing.
	optional bool   // A default stands in for the value when it is absent.
}

// root is the payload.
var root = ref{known: true}

// field is the ref of a value below r.
func (r ref) field(names []string) ref {
	if !r.known {
		return ref{}
	}
	path := strings.Join(names, ".")
	if r.path != "" && path != "" {
		path = r.path + "." + path
	} else if path == "" {
		path = r.path
	}
	return ref{path: path, known: true, optional: r.optional}
}

// element is the ref of what range sees in r. The elements of the payload itself have no name of their own.
func (r ref) element() ref {
	if !r.known || r.path == "" {
		return ref{}
	}
	return ref{path: r.path + "[]", known: true, optional: r.optional}
}

// scope is what names mean at one place of a template: the dot, and the variables declared so far.
type scope struct {
	dot  ref
	vars []binding
}

type binding struct {
	name string
	ref  ref
}

// lookup finds a variable, the innermost first. The parser has made sure that each one is declared.
func (s *scope) lookup(name string) ref {
	if name == "$" {
		return root
	}
	for i := len(s.vars) - 1; i >= 0; i-- {
		if s.vars[i].name == name {
			return s.vars[i].ref
		}
	}
	return ref{}
}

func (s *scope) declare(name string, r ref) {
	s.vars = append(s.vars, binding{name: name, ref: r})
}

// inner is a copy for a block: what is declared there ends there.
func (s *scope) inner(dot ref) *scope {
	return &scope{dot: dot, vars: s.vars[:len(s.vars):len(s.vars)]}
}
