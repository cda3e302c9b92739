package transports

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Option is one setting that a channel may give its transport, as the transport's [Spec] declares it.
type Option struct {
	// Name is the key below options in carillon.yaml.
	Name string
	// Type says what it takes: text, yes or no, whole number, number, duration, list of texts, map of texts.
	Type string
	// Template says that its texts are templates over the variables of the event.
	Template bool
	// Markup is the language of such a template, in which values mean nothing; [MarkupNone] writes them as they are.
	Markup Markup
	// Required says that a channel must give it.
	Required bool
	// Default is what holds where a channel does not give it, as it would be written in carillon.yaml; empty if nothing.
	Default string
	// OneOf lists the values that it takes; empty if any.
	OneOf []string
	// Doc says what it does.
	Doc string

	field int
}

// OptionsChecker is implemented by a struct of options that has more to check than its tags say. CheckOptions is called
// when the dispatcher is built, with defaults filled in and templates not yet rendered. Of a joined error each part is
// reported by itself; one that begins with an option's name and a blank is reported at that option.
type OptionsChecker interface {
	CheckOptions() error
}

// optionTypes maps the types that a field may have to what people call them.
var optionTypes = map[reflect.Type]string{
	reflect.TypeFor[string]():            "text",
	reflect.TypeFor[bool]():              "true or false",
	reflect.TypeFor[int]():               "whole number",
	reflect.TypeFor[float64]():           "number",
	reflect.TypeFor[time.Duration]():     "duration",
	reflect.TypeFor[[]string]():          "list of texts",
	reflect.TypeFor[map[string]string](): "map of texts",
}

// OptionsOf describes the fields of a struct of options, in their order. A nil value has none. The error lists
// everything that is wrong with the struct, which is a mistake of whoever wrote the transport.
func OptionsOf(value any) ([]Option, error) {
	if value == nil {
		return nil, nil
	}
	t := reflect.TypeOf(value)
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("options are a struct, not %s", t)
	}
	var all []Option
	var errs []error
	for i := range t.NumField() {
		o, err := optionOf(t.Field(i))
		if err != nil {
			errs = append(errs, fmt.Errorf("options field %s %w", t.Field(i).Name, err))
			continue
		}
		o.field = i
		all = append(all, o)
	}
	return all, errors.Join(errs...)
}

func optionOf(f reflect.StructField) (Option, error) {
	o := Option{
		Name: f.Tag.Get("yaml"), Type: optionTypes[f.Type], Default: f.Tag.Get("default"), Doc: f.Tag.Get("doc"),
		Template: f.Tag.Get("template") != "", Markup: Markup(f.Tag.Get("template")), Required: f.Tag.Get("required") == "true",
	}
	if values := f.Tag.Get("oneof"); values != "" {
		o.OneOf = strings.Split(values, ",")
	}
	texts := f.Type == reflect.TypeFor[string]()
	switch {
	case !f.IsExported() || !isName(o.Name):
		return o, errors.New("needs a yaml tag of lower-case letters, digits and underscores, and a name that others see")
	case o.Type == "":
		return o, fmt.Errorf("has the type %s, which no option has", f.Type)
	case o.Doc == "":
		return o, errors.New("needs a doc tag that says what it does")
	case o.Template && !texts && f.Type.Kind() != reflect.Map && f.Type.Kind() != reflect.Slice:
		return o, errors.New("is no text, and so no template")
	case o.Template && !slices.Contains(Markups(), o.Markup):
		return o, fmt.Errorf("has a template tag of %q, which is no markup", o.Markup)
	case o.Required && o.Default != "":
		return o, errors.New("is required, and so has no default")
	case len(o.OneOf) > 0 && (!texts || o.Template):
		return o, errors.New("has a oneof tag, which only texts have that are no templates")
	case len(o.OneOf) > 0 && o.Default != "" && !slices.Contains(o.OneOf, o.Default):
		return o, errors.New("has a default that its oneof tag does not list")
	}
	if o.Default != "" {
		if err := o.set(reflect.New(f.Type).Elem()); err != nil {
			return o, fmt.Errorf("has a default that is no %s", o.Type)
		}
	}
	return o, nil
}

// isName accepts what a key looks like.
func isName(s string) bool {
	for i, r := range s {
		if (r < 'a' || r > 'z') && (i == 0 || r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 63
}

// set writes the default into a field.
func (o Option) set(into reflect.Value) (err error) {
	switch into.Interface().(type) {
	case string:
		into.SetString(o.Default)
	case int:
		var n int64
		n, err = strconv.ParseInt(o.Default, 10, 64)
		into.SetInt(n)
	case float64:
		var n float64
		n, err = strconv.ParseFloat(o.Default, 64)
		into.SetFloat(n)
	case time.Duration:
		var d time.Duration
		d, err = time.ParseDuration(o.Default)
		into.SetInt(int64(d))
	default:
		err = errors.New("this type has no default but its zero value")
	}
	return err
}

// Value is the option's value in a struct of options.
func (o Option) Value(options any) any { return reflect.ValueOf(options).Field(o.field).Interface() }

// IsZero says whether a struct of options leaves the option to its default.
func (o Option) IsZero(options any) bool { return reflect.ValueOf(options).Field(o.field).IsZero() }

// WithDefaults returns a copy of a struct of options in which every zero field has its default.
func WithDefaults(options any) any {
	described, err := OptionsOf(options)
	if options == nil || err != nil {
		return options
	}
	full := reflect.New(reflect.TypeOf(options)).Elem()
	full.Set(reflect.ValueOf(options))
	for _, o := range described {
		if f := full.Field(o.field); f.IsZero() && o.Default != "" {
			_ = o.set(f) // OptionsOf has tried it.
		}
	}
	return full.Interface()
}

// Options reads the options of m into a struct of type T, the one that the transport's [Spec] declares: rendered, with
// defaults, and the same on every try. A message without options gives the defaults. An error is [Permanent]: the
// stored options do not fit the struct.
func Options[T any](m Message) (T, error) {
	var options T
	described, err := OptionsOf(options)
	if err != nil {
		return options, Errorf(Permanent, "options: %s", err)
	}
	stored := map[string]json.RawMessage{}
	if len(m.Options) > 0 {
		if err := json.Unmarshal(m.Options, &stored); err != nil {
			return options, Errorf(Permanent, "the channel's options cannot be read")
		}
	}
	into := reflect.ValueOf(&options).Elem()
	for _, o := range described {
		raw, given := stored[o.Name]
		if !given {
			continue
		}
		if err := json.Unmarshal(raw, into.Field(o.field).Addr().Interface()); err != nil {
			return options, Errorf(Permanent, "the channel's option %s cannot be read", o.Name)
		}
	}
	return WithDefaults(options).(T), nil
}

// EncodeOptions is a struct of options as [Message.Options] holds it. A nil value gives nil. The error is that of
// [OptionsOf].
func EncodeOptions(options any) (json.RawMessage, error) {
	described, err := OptionsOf(options)
	if options == nil || err != nil {
		return nil, err
	}
	values := make(map[string]any, len(described))
	for _, o := range described {
		if !o.IsZero(options) {
			values[o.Name] = o.Value(options)
		}
	}
	return json.Marshal(values)
}
