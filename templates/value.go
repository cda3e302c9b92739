package templates

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
)

// canonical reduces a value to one of: nil, string, bool, int64, json.Number, time.Time, a map with keys of kind string
// and a slice or array. It reports false for anything else. Named types lose their names, so that no type can tell
// html/template that it is safe markup, and no method is left to call.
func canonical(v any) (any, bool) {
	switch v := v.(type) {
	case nil, string, bool, int64, json.Number, time.Time:
		return v, true
	case int:
		return int64(v), true
	case map[string]any:
		if v == nil {
			return nil, true
		}
		return v, true
	case []any:
		if v == nil {
			return nil, true
		}
		return v, true
	}
	return canonicalReflect(reflect.ValueOf(v))
}

func canonicalReflect(v reflect.Value) (any, bool) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Map, reflect.Slice:
		if v.IsNil() {
			return nil, true
		}
	}
	switch t := v.Interface().(type) {
	case *time.Time:
		return *t, true
	case encoding.TextMarshaler:
		text, err := t.MarshalText()
		return string(text), err == nil
	case fmt.Stringer:
		return t.String(), true
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.Elem().Kind() == reflect.Pointer {
			return nil, false // Nobody means it, and it might be a ring.
		}
		return canonical(v.Elem().Interface())
	case reflect.String:
		return v.String(), true
	case reflect.Bool:
		return v.Bool(), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Uint() <= math.MaxInt64 {
			return int64(v.Uint()), true
		}
		return json.Number(strconv.FormatUint(v.Uint(), 10)), true
	case reflect.Float32, reflect.Float64:
		if math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			return nil, false
		}
		return json.Number(strconv.FormatFloat(v.Float(), 'f', -1, v.Type().Bits())), true
	case reflect.Map:
		return v.Interface(), v.Type().Key().Kind() == reflect.String
	case reflect.Slice, reflect.Array:
		return v.Interface(), true
	default:
		return nil, false
	}
}

// textOf is the text of a canonical scalar.
func textOf(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case json.Number:
		return v.String(), true
	case time.Time:
		return v.Format(time.RFC3339Nano), true // As it would look after a round through JSON.
	default:
		return "", false
	}
}

// typeName says what a canonical value is without saying its value.
func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64, json.Number:
		return "a number"
	case time.Time:
		return "a time"
	}
	if isList(v) {
		return "a list"
	}
	return "an object"
}

func isObject(v any) bool {
	if _, ok := v.(map[string]any); ok {
		return true
	}
	return reflect.ValueOf(v).Kind() == reflect.Map
}

func isList(v any) bool {
	if _, ok := v.([]any); ok {
		return true
	}
	kind := reflect.ValueOf(v).Kind()
	return kind == reflect.Slice || kind == reflect.Array
}

// objectField is the raw value of a key. The object is canonical, so its keys are of kind string.
func objectField(object any, name string) (any, bool) {
	if m, ok := object.(map[string]any); ok {
		v, ok := m[name]
		return v, ok
	}
	m := reflect.ValueOf(object)
	v := m.MapIndex(reflect.ValueOf(name).Convert(m.Type().Key()))
	if !v.IsValid() {
		return nil, false
	}
	return v.Interface(), true
}

// sizeOf is the number of elements of a list or an object.
func sizeOf(v any) int {
	switch v := v.(type) {
	case []any:
		return len(v)
	case map[string]any:
		return len(v)
	}
	return reflect.ValueOf(v).Len()
}

// elementOf is the raw value at an index that is within the list.
func elementOf(list any, i int) any {
	if l, ok := list.([]any); ok {
		return l[i]
	}
	return reflect.ValueOf(list).Index(i).Interface()
}
