package templates

import (
	"maps"
	"slices"
	"strings"
)

type shapeKind int

const (
	leafShape shapeKind = iota
	objectShape
	listShape
	anyShape
)

// Shape is what a payload offers: the names of its fields and what is below them. [ShapeOfType] and [ShapeOfValue] make
// one; it is read-only after that.
type Shape struct {
	kind   shapeKind
	fields map[string]shapeField
	rest   *Shape // Of an object: what fields that are not listed hold; nil when there are none.
	elem   *Shape // Of a list.
}

type shapeField struct {
	shape *Shape

	// sometimes marks a field that a payload may leave out: omitempty, omitzero, or not in every element of a sample.
	sometimes bool
}

// leaf is a value without parts, anything one of which nothing is known.
func leaf() *Shape     { return &Shape{kind: leafShape} }
func anything() *Shape { return &Shape{kind: anyShape} }

// Fields lists the names at the top level, sorted.
func (s *Shape) Fields() []string { return slices.Sorted(maps.Keys(s.fields)) }

// Missing lists the paths of required variables that no payload of this shape has.
func (s *Shape) Missing(vars []Variable) []string {
	return s.filter(vars, func(offered, _ bool) bool { return !offered })
}

// Uncertain lists the paths of required variables that a payload of this shape may leave out, because a field on the
// way is marked omitempty or omitzero, or is not in every element of the sample. Such a template fails for some
// payloads and not for others.
func (s *Shape) Uncertain(vars []Variable) []string {
	return s.filter(vars, func(offered, sometimes bool) bool { return offered && sometimes })
}

func (s *Shape) filter(vars []Variable, accept func(offered, sometimes bool) bool) []string {
	var paths []string
	for _, v := range vars {
		if v.Optional {
			continue
		}
		if offered, sometimes := s.lookup(v.Path); accept(offered, sometimes) {
			paths = append(paths, v.Path)
		}
	}
	return paths
}

// Shadowed lists the top-level fields that are not readable without a dot ([IsReserved]), sorted. Reading one
// without is an error of [Parse] in any case; refusing them at start tells whoever names the field, not whoever
// writes the template.
func (s *Shape) Shadowed() []string {
	var names []string
	for _, name := range s.Fields() {
		if IsReserved(name) {
			names = append(names, name)
		}
	}
	return names
}

// Merge combines the top levels of two shapes. Of a field that both have, that of s stays, and its name is in
// collisions, which is sorted. Neither shape is changed.
func (s *Shape) Merge(other *Shape) (merged *Shape, collisions []string) {
	merged = &Shape{kind: objectShape, fields: maps.Clone(s.fields), rest: s.others()}
	if merged.fields == nil {
		merged.fields = map[string]shapeField{}
	}
	for _, name := range other.Fields() {
		if _, ok := merged.fields[name]; ok {
			collisions = append(collisions, name)
			continue
		}
		merged.fields[name] = other.fields[name]
	}
	if rest := other.others(); merged.rest == nil {
		merged.rest = rest
	} else if rest != nil {
		merged.rest = union(merged.rest, rest)
	}
	return merged, collisions
}

// others is what fields hold that the shape does not list.
func (s *Shape) others() *Shape {
	if s.kind == anyShape {
		return anything()
	}
	return s.rest
}

// lookup follows a path.
func (s *Shape) lookup(path string) (offered, sometimes bool) {
	for segment := range strings.SplitSeq(path, ".") {
		name, brackets, _ := strings.Cut(segment, "[")
		next, maybe := s.field(name)
		if next == nil {
			return false, false
		}
		sometimes = sometimes || maybe
		s = next
		for range strings.Count(brackets, "]") {
			if s = s.element(); s == nil {
				return false, false
			}
		}
	}
	return true, sometimes
}

// field is the shape of a field, or nil.
func (s *Shape) field(name string) (shape *Shape, sometimes bool) {
	if f, ok := s.fields[name]; ok {
		return f.shape, f.sometimes
	}
	return s.others(), false
}

// element is what range sees in s, or nil where it cannot.
func (s *Shape) element() *Shape {
	switch s.kind {
	case anyShape:
		return anything()
	case listShape:
		return s.elem
	case objectShape:
		return s.anyField()
	default:
		return nil
	}
}

// anyField is what all fields of an object have in common. Only maps are alike throughout.
func (s *Shape) anyField() *Shape {
	if len(s.fields) == 0 && s.rest != nil {
		return s.rest
	}
	return anything()
}
