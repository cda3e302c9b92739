package templates

import (
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// ShapeOfType takes the shape from a Go type as encoding/json writes it. The type is a struct, a map with textual keys
// or an interface, or a pointer to one.
//
// Exported fields need a json tag, so that renaming a field is never a change of the payload; `json:"-"` leaves one
// out. All errors are returned together, each naming its field; the shape is usable nevertheless. Of a type that
// writes its own JSON nothing is known, so it offers anything; one that writes a text is a scalar, and so is time.Time.
func ShapeOfType(t reflect.Type) (*Shape, []error) {
	if t == nil {
		return anything(), nil
	}
	r := typeReader{known: map[reflect.Type]*Shape{}}
	shape := r.shape(t, t.String())
	if shape.kind != objectShape && shape.kind != anyShape {
		r.errs = append(r.errs, fmt.Errorf("payload type %s is no JSON object (use a struct or a map)", t))
	}
	return shape, r.errs
}

// typeReader keeps the structs that it has seen, which also ends the walk through recursive types.
type typeReader struct {
	known map[reflect.Type]*Shape
	errs  []error
}

func (r *typeReader) shape(t reflect.Type, where string) *Shape {
	for hops := 0; t.Kind() == reflect.Pointer; hops++ {
		if hops > maxDepth {
			return anything()
		}
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]() || t == reflect.TypeFor[json.Number]():
		return leaf()
	case implements[json.Marshaler](t):
		return anything()
	case isLeafType(t):
		return leaf()
	}
	switch t.Kind() {
	case reflect.Struct:
		return r.structShape(t)
	case reflect.Interface:
		return anything()
	case reflect.Map, reflect.Slice, reflect.Array:
		return r.containerShape(t, where)
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		r.errs = append(r.errs, fmt.Errorf("%s is a %s, which JSON cannot hold", where, t.Kind()))
	}
	return leaf()
}

// containerShape stores the shape before it follows the elements: type Tree []Tree is legal Go.
func (r *typeReader) containerShape(t reflect.Type, where string) *Shape {
	if shape, ok := r.known[t]; ok {
		return shape
	}
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 && !isLeafType(t.Elem()) {
		return leaf() // Base64.
	}
	shape := &Shape{kind: listShape}
	r.known[t] = shape
	elem := r.shape(t.Elem(), where)
	if t.Kind() != reflect.Map {
		shape.elem = elem
		return shape
	}
	shape.kind, shape.rest = objectShape, elem
	switch key := t.Key(); {
	case key.Kind() == reflect.String, implements[encoding.TextMarshaler](key), isInteger(key.Kind()):
	default:
		r.errs = append(r.errs, fmt.Errorf("%s has keys of type %s, which JSON cannot hold", where, key))
	}
	return shape
}

func (r *typeReader) structShape(t reflect.Type) *Shape {
	if shape, ok := r.known[t]; ok {
		return shape
	}
	shape := &Shape{kind: objectShape, fields: map[string]shapeField{}}
	r.known[t] = shape
	found := r.collect(t)
	// As in encoding/json: of fields with one name the shallowest wins, and if there are several of those, none.
	slices.SortStableFunc(found, func(a, b jsonField) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.depth, b.depth))
	})
	for i, f := range found {
		hidden := i > 0 && found[i-1].name == f.name
		tied := i+1 < len(found) && found[i+1].name == f.name && found[i+1].depth == f.depth
		if !hidden && !tied {
			shape.fields[f.name] = shapeField{shape: r.shape(f.typ, f.where), sometimes: f.sometimes}
		}
	}
	return shape
}

type jsonField struct {
	name      string
	where     string
	typ       reflect.Type
	depth     int
	sometimes bool
}

// collect lists the fields of a struct and of the structs embedded in it, level by level.
func (r *typeReader) collect(t reflect.Type) []jsonField {
	type embedded struct {
		typ       reflect.Type
		sometimes bool // Behind a pointer, which may be nil.
	}
	var found []jsonField
	seen := map[reflect.Type]bool{}
	level := []embedded{{typ: t}}
	for depth := 0; len(level) > 0; depth++ {
		var next []embedded
		for _, e := range level {
			if seen[e.typ] {
				continue
			}
			for i := range e.typ.NumField() {
				f := e.typ.Field(i)
				if below, ok := promoted(f); ok {
					next = append(next, embedded{typ: below, sometimes: e.sometimes || f.Type.Kind() == reflect.Pointer})
					continue
				}
				if field, ok := r.field(e.typ, f); ok {
					field.depth = depth
					field.sometimes = field.sometimes || e.sometimes
					found = append(found, field)
				}
			}
		}
		// Only now: a type that is embedded twice on one level is a tie.
		for _, e := range level {
			seen[e.typ] = true
		}
		level = next
	}
	return found
}

// promoted returns the struct behind an embedded field whose fields appear in the JSON of the outer one.
func promoted(f reflect.StructField) (reflect.Type, bool) {
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return t, f.Anonymous && t.Kind() == reflect.Struct && name == ""
}

// field reads one field that is not promoted. It is false for those that are not in the JSON.
func (r *typeReader) field(owner reflect.Type, f reflect.StructField) (jsonField, bool) {
	tag, ok := f.Tag.Lookup("json")
	if tag == "-" || !f.IsExported() && (!f.Anonymous || f.Type.Kind() != reflect.Struct) {
		return jsonField{}, false
	}
	where := fmt.Sprintf("field %s.%s", owner, f.Name)
	if !ok {
		r.errs = append(r.errs, fmt.Errorf(`%s has no json tag (fields without a json tag are refused; use json:"-" to leave it out)`, where))
		return jsonField{}, false
	}
	name, options, _ := strings.Cut(tag, ",")
	if name == "" || strings.ContainsFunc(name, invalidInName) {
		name = f.Name
	}
	field := jsonField{name: name, where: where, typ: f.Type}
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "omitempty":
			field.sometimes = field.sometimes || f.Type.Kind() != reflect.Struct // A struct is never empty to encoding/json.
		case "omitzero":
			field.sometimes = true
		}
	}
	return field, true
}

// invalidInName follows encoding/json, which ignores a name that has any other character.
func invalidInName(r rune) bool {
	return !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
}

func isLeafType(t reflect.Type) bool { return implements[encoding.TextMarshaler](t) }

// implements also looks at the methods of the pointer.
func implements[I any](t reflect.Type) bool {
	target := reflect.TypeFor[I]()
	return t.Kind() != reflect.Interface && (t.Implements(target) || reflect.PointerTo(t).Implements(target))
}

func isInteger(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Uintptr }
