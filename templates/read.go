package templates

// mode is what a read accepts.
type mode int

const (
	required mode = iota // Neither absent nor null.
	nullable             // Null, but not absent.
	optional             // Null and absent; an absent value is null.
)

// read is a place in a template at which the payload is read, or a guard that names one.
type read struct {
	path  string // For errors.
	names []string
	mode  mode
}

// readValue reads the fields of read i below base: the implementation of {{ recipient.name }}.
func readValue(f *frame, i int, base any) (any, error) {
	r := &f.tmpl.reads[i]
	if inner, ok := base.(*frame); ok {
		base = inner.data
		if inner.data == nil {
			base = map[string]any{}
		}
	}
	value, ok := canonical(base)
	for _, name := range r.names {
		if !ok || value != nil && !isObject(value) {
			return nil, unfit("variable %q is read from a value that has no fields", r.path)
		}
		var found bool
		if value != nil {
			value, found = objectField(value, name)
		}
		if !found {
			if r.mode == optional {
				return nil, nil
			}
			return nil, &MissingError{Variable: r.path}
		}
		value, ok = canonical(value)
	}
	if !ok {
		return nil, unfit("variable %q is of a type that templates cannot read", r.path)
	}
	if value == nil && r.mode == required {
		return nil, &MissingError{Variable: r.path}
	}
	return value, nil
}

// printGuard lets through what has an agreed text.
func printGuard(f *frame, i int, value any) (any, error) {
	path := f.tmpl.reads[i].path
	value, ok := canonical(value)
	if !ok {
		return nil, unfit("%q is of a type that cannot be printed", path)
	}
	switch value := value.(type) {
	case nil:
		return nil, &MissingError{Variable: path}
	case bool, int64:
		return value, nil
	default:
		text, ok := textOf(value)
		if !ok {
			return nil, unfit("%q is %s and cannot be printed (use range, join or one of its fields)", path, typeName(value))
		}
		if err := f.charge([]any{text}); err != nil || f.tmpl.escaping == nil {
			return text, err
		}
		return f.tmpl.escaping(text), nil
	}
}

// listGuard lets range over lists, objects and null. Integers, functions and channels could run without an end, and
// the error of text/template for all others quotes the value.
func listGuard(f *frame, i int, value any) (any, error) {
	value, ok := canonical(value)
	if ok && (value == nil || isList(value)) {
		return value, nil
	}
	if ok && isObject(value) {
		return value, f.spend(64 * sizeOf(value)) // The engines sort the keys first, even if the body breaks at once.
	}
	return nil, unfit("%q is no list (range wants a list or an object)", f.tmpl.reads[i].path)
}

// truthGuard makes conditions see a zero that was written 0.00. To text/template it is a text, and so is true.
func truthGuard(_ *frame, value any) (any, error) {
	value, ok := canonical(value)
	if !ok {
		return nil, unfit("a condition is of a type that templates cannot read")
	}
	if isZero(value) {
		return int64(0), nil
	}
	return value, nil
}

// stepGuard counts one run of a range body.
func stepGuard(f *frame) (bool, error) { return true, f.step() }
