package templates

import (
	"reflect"
	"strings"
	"unicode/utf8"
)

// callIndex reads an element by position or a field by key, one level for each argument.
func callIndex(args []any) (any, error) {
	value := args[0]
	for _, key := range args[1:] {
		var raw any
		switch k := key.(type) {
		case int64:
			if !isList(value) {
				return nil, unfit("index: a number cannot index %s", typeName(value))
			}
			if k < 0 || k >= int64(sizeOf(value)) {
				return nil, unfit("index is out of range")
			}
			raw = elementOf(value, int(k))
		case string:
			if !isObject(value) {
				return nil, unfit("index: a text cannot index %s", typeName(value))
			}
			var found bool
			if raw, found = objectField(value, k); !found {
				return nil, unfit("index: the object does not have the key")
			}
		default:
			return nil, unfit("index wants a number or a text, not %s", typeName(key))
		}
		var ok bool
		if value, ok = canonical(raw); !ok {
			return nil, unfit("index leads to a type that templates cannot read")
		}
	}
	return value, nil
}

// callLen counts characters or elements. A nil slice of Go is null in JSON, so null has none.
func callLen(args []any) (any, error) {
	switch v := args[0].(type) {
	case nil:
		return int64(0), nil
	case string:
		return int64(utf8.RuneCountInString(v)), nil
	}
	if !isList(args[0]) && !isObject(args[0]) {
		return nil, unfit("len wants a text, a list or an object, not %s", typeName(args[0]))
	}
	return int64(sizeOf(args[0])), nil
}

// callSlice cuts a text or a list: slice x FROM [TO].
func callSlice(args []any) (any, error) {
	text, isText := args[0].(string)
	runes := []rune(text)
	size := len(runes)
	if !isText {
		if !isList(args[0]) {
			return nil, unfit("slice wants a text or a list, not %s", typeName(args[0]))
		}
		size = sizeOf(args[0])
	}
	bounds := []int64{0, int64(size)}
	for i, arg := range args[1:] {
		n, ok := arg.(int64)
		if !ok {
			return nil, unfit("slice wants whole numbers, not %s", typeName(arg))
		}
		bounds[i] = n
	}
	if bounds[0] < 0 || bounds[1] < bounds[0] || bounds[1] > int64(size) {
		return nil, unfit("slice is out of range")
	}
	if isText {
		return string(runes[bounds[0]:bounds[1]]), nil
	}
	return cut(args[0], int(bounds[0]), int(bounds[1])), nil
}

// cut is the part of a list from one index to another. It copies arrays only.
func cut(list any, from, to int) any {
	v := reflect.ValueOf(list)
	if v.Kind() == reflect.Slice {
		return v.Slice(from, to).Interface()
	}
	elements := make([]any, 0, to-from)
	for i := from; i < to; i++ {
		elements = append(elements, elementOf(list, i))
	}
	return elements
}

// callJoin puts the texts of a list together: join SEPARATOR LIST.
func callJoin(args []any) (any, error) {
	separator, ok := args[0].(string)
	if !ok {
		return nil, unfit("join wants a text as its separator, not %s", typeName(args[0]))
	}
	if !isList(args[1]) {
		return nil, unfit("join wants a list, not %s", typeName(args[1]))
	}
	var b strings.Builder
	for i := range sizeOf(args[1]) {
		element, ok := canonical(elementOf(args[1], i))
		text, scalar := textOf(element)
		if !ok || !scalar {
			return nil, unfit("join wants a list of texts and numbers (an element is something else)")
		}
		if b.Len()+len(separator)+len(text) > maxOutput {
			return nil, ErrTooLarge
		}
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// callDefault replaces a value that would leave a blank: default REPLACEMENT VALUE. False and zero are values.
func callDefault(args []any) (any, error) {
	switch v := args[1].(type) {
	case nil:
		return args[0], nil
	case string:
		if v == "" {
			return args[0], nil
		}
	}
	if kind := reflect.ValueOf(args[1]).Kind(); (kind == reflect.Slice || kind == reflect.Map) && sizeOf(args[1]) == 0 {
		return args[0], nil
	}
	return args[1], nil
}
