package config

import (
	"errors"
	"reflect"
	"slices"

	"github.com/carillon-notify/carillon/dispatch"
)

// Keys lists every key of the file that takes a value, as a path: * stands for a name that the file's author chooses,
// [] for the items of a list. It is taken from the structs that the file is decoded into. With builders, the keys of
// their transports stand in place of transports.*; for that their New is called with a decode that refuses.
func Keys(builders ...Builder) []string {
	var keys []string
	walkKeys(reflect.TypeFor[document](), "", func(path string, _ reflect.Type) {
		if path != join("transports", "*") || len(builders) == 0 {
			keys = append(keys, path)
		}
	})
	for _, b := range builders {
		if t := configOf(b); t != nil {
			walkKeys(t, "transports."+b.Spec.Name, func(path string, _ reflect.Type) { keys = append(keys, path) })
		}
	}
	slices.Sort(keys)
	return keys
}

// walkKeys calls leaf for every key below t that takes a value.
func walkKeys(t reflect.Type, path string, leaf func(path string, t reflect.Type)) {
	switch {
	case t == nodeType || isScalar(t) || t.Kind() == reflect.Interface || t == sampleType:
		leaf(path, t)
	case t.Kind() == reflect.Pointer:
		walkKeys(t.Elem(), path, leaf)
	case t.Kind() == reflect.Map:
		walkKeys(t.Elem(), join(path, "*"), leaf)
	case t.Kind() == reflect.Slice:
		walkKeys(t.Elem(), path+"[]", leaf)
	case t.Kind() == reflect.Struct:
		f := keysOf(t)
		for _, name := range f.names {
			walkKeys(t.Field(f.index[name]).Type, join(path, name), leaf)
		}
	}
}

// sampleType takes any keys and values, and so counts as one.
var sampleType = reflect.TypeFor[dispatch.Data]()

var errOnlyAsking = errors.New("the keys are being listed")

// configOf is the struct that a builder decodes its section into; nil if it decodes none.
func configOf(b Builder) reflect.Type {
	var t reflect.Type
	// With decode refusing, the builder makes nothing; one that decodes nothing makes what holds nothing.
	_, _ = b.New(func(into any) error {
		t = typeOf(into)
		return errOnlyAsking
	})
	return t
}

// typeOf is the struct behind a pointer, or an empty one if there is none.
func typeOf(into any) reflect.Type {
	t := reflect.TypeOf(into)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return reflect.TypeFor[struct{}]()
	}
	return t.Elem()
}
