package config

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/carillon-notify/carillon/transports"
)

// decoder fills Go values from nodes, and reports everything that does not fit.
type decoder struct {
	*report
	// private values are not repeated in problems: in the section transports anything may be a credential.
	private bool
	// failed is set by the first thing that does not fit, broken nodes included.
	failed bool
}

// spot is where the decoder is: path with the file's own keys and indices, pattern as [Keys] writes it.
type spot struct {
	path, pattern string
}

func (s spot) key(key string) spot { return spot{join(s.path, key), join(s.pattern, key)} }

// named is a key that the file's author chose.
func (s spot) named(key string) spot { return spot{join(s.path, key), join(s.pattern, "*")} }

func (s spot) item(i int) spot { return spot{s.path + index(i), s.pattern + "[]"} }

var (
	secretType = reflect.TypeFor[transports.Secret]()
	nodeType   = reflect.TypeFor[*node]()
)

func (d *decoder) problem(at position, s spot, format string, args ...any) {
	d.failed = true
	d.add(at, s.path, format, args...)
}

// decode fills into, which is settable. A key without a value leaves it alone.
func (d *decoder) decode(n *node, into reflect.Value, s spot) {
	switch {
	case into.Type() == nodeType:
		into.Set(reflect.ValueOf(n))
	case n.kind == broken:
		d.failed = true
	case n.kind == null:
	case isScalar(into.Type()):
		if n.kind != scalar {
			d.problem(n.at, s, "must be %s, not %s", scalarWords(into.Type()), n.words())
			return
		}
		d.scalar(n, into, s)
	default:
		d.decodeComposite(n, into, s)
	}
}

func (d *decoder) decodeComposite(n *node, into reflect.Value, s spot) {
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.decode(n, into.Elem(), s)
	case reflect.Interface:
		if value := d.free(n, s); value != nil && reflect.TypeOf(value).AssignableTo(into.Type()) {
			into.Set(reflect.ValueOf(value))
		}
	case reflect.Struct:
		if d.want(n, mapping, s) {
			d.decodeStruct(n, into, s)
		}
	case reflect.Map:
		if d.want(n, mapping, s) {
			d.decodeMap(n, into, s)
		}
	case reflect.Slice:
		if d.want(n, sequence, s) {
			d.decodeSlice(n, into, s)
		}
	default:
		d.problem(n.at, s, "cannot be set in a file (its type in Go is %s)", into.Type())
	}
}

func (d *decoder) want(n *node, k kind, s spot) bool {
	if n.kind == k {
		return true
	}
	d.problem(n.at, s, "must be %s, not %s", (&node{kind: k}).words(), n.words())
	return false
}

func (d *decoder) decodeStruct(n *node, into reflect.Value, s spot) {
	fields := keysOf(into.Type())
	for _, e := range n.entries {
		i, known := fields.index[e.key]
		if !known {
			d.refuseKey(e, fields.names, s)
			continue
		}
		d.decode(e.value, into.Field(i), s.key(e.key))
	}
}

func (d *decoder) decodeMap(n *node, into reflect.Value, s spot) {
	if into.Type().Key().Kind() != reflect.String {
		d.problem(n.at, s, "cannot be set in a file (its type in Go is %s)", into.Type())
		return
	}
	into.Set(reflect.MakeMapWithSize(into.Type(), len(n.entries)))
	for _, e := range n.entries {
		value := reflect.New(into.Type().Elem()).Elem()
		d.decode(e.value, value, s.named(e.key))
		into.SetMapIndex(reflect.ValueOf(e.key).Convert(into.Type().Key()), value)
	}
}

func (d *decoder) decodeSlice(n *node, into reflect.Value, s spot) {
	into.Set(reflect.MakeSlice(into.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		if item.kind == null {
			d.problem(item.at, s.item(i), "the item is empty")
			continue
		}
		d.decode(item, into.Index(i), s.item(i))
	}
}

// free is the value of a key that takes anything.
func (d *decoder) free(n *node, s spot) any {
	switch n.kind {
	case scalar:
		return n.value
	case mapping:
		object := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			object[e.key] = d.free(e.value, s.named(e.key))
		}
		return object
	case sequence:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = d.free(item, s.item(i))
		}
		return list
	case broken:
		d.failed = true
	}
	return nil
}

// keyName is what a key looks like. What does not may be a value in the wrong place, and is not repeated.
var keyName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

func (d *decoder) refuseKey(e entry, names []string, s spot) {
	if !keyName.MatchString(e.key) {
		d.problem(e.at, s, "unknown key (keys: %s)", strings.Join(names, ", "))
		return
	}
	here := s.key(e.key)
	switch {
	case isLater(here.pattern):
		d.problem(e.at, here, "%s", laterKey(e.key))
	default:
		d.problem(e.at, here, "unknown key (%s)", suggest(e.key, "keys", names))
	}
}

// fields are the keys of a struct: those of its fields that bear a yaml tag.
type fields struct {
	names []string
	index map[string]int
}

func keysOf(t reflect.Type) fields {
	f := fields{index: map[string]int{}}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == "" || name == "-" || !t.Field(i).IsExported() {
			continue
		}
		f.names = append(f.names, name)
		f.index[name] = i
	}
	return f
}

// isText says whether a type reads itself from text.
func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// section decodes a whole section into a pointer to a struct, for the code of others.
func (d *decoder) section(n *node, into any, s spot) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("decode %s: want a pointer to a struct, not %T", s.path, into)
	}
	d.decode(n, v.Elem(), s)
	if d.failed {
		return errReported
	}
	return nil
}
