package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/carillon-notify/carillon/templates"
	"github.com/carillon-notify/carillon/transports"
)

// Options are a channel's compiled options. The nil value has none.
type Options struct {
	// fixed is every value that is no template.
	fixed map[string]any
	// texts holds each template under its option; lists and maps have several, by index or key.
	texts map[string]*optionText
}

// optionText is the templates of one option.
type optionText struct {
	one  *templates.Template
	list []*templates.Template
	keys map[string]*templates.Template
}

// options checks what a channel sets, and compiles it.
func (b *builder) options(path string, source ChannelSource, spec transports.Spec, shape *templates.Shape) *Options {
	described, err := transports.OptionsOf(spec.Options)
	if err != nil {
		return nil // The transport itself was refused.
	}
	given := source.Options
	switch {
	case spec.Options == nil && given == nil:
		return nil
	case spec.Options == nil:
		b.problems.Add(path+".options", "transport %s takes no options", spec.Name)
		return nil
	case given == nil:
		given = reflect.Zero(reflect.TypeOf(spec.Options)).Interface()
	case reflect.TypeOf(given) != reflect.TypeOf(spec.Options):
		b.problems.Add(path+".options", "transport %s takes a %T, not a %T", spec.Name, spec.Options, given)
		return nil
	}
	for _, o := range described {
		b.checkOption(path+".options", o, given)
	}
	full := transports.WithDefaults(given)
	if checker, ok := full.(transports.OptionsChecker); ok {
		for _, err := range parts(checker.CheckOptions()) {
			at, message := optionAt(path+".options", described, err)
			b.problems.Add(at, "%s", message)
		}
	}
	compiled := &Options{fixed: map[string]any{}, texts: map[string]*optionText{}}
	for _, o := range described {
		value := o.Value(full)
		switch {
		case o.IsZero(full):
		case o.Template:
			compiled.texts[o.Name] = b.optionText(path+".options."+o.Name, o, value, shape)
		default:
			compiled.fixed[o.Name] = value
		}
	}
	return compiled
}

func (b *builder) checkOption(path string, o transports.Option, given any) {
	here := path + "." + o.Name
	if o.IsZero(given) {
		if o.Required {
			b.problems.Add(here, "is required (%s)", o.Doc)
		}
		return
	}
	if value, ok := o.Value(given).(string); ok && len(o.OneOf) > 0 && !slices.Contains(o.OneOf, value) {
		b.problems.Add(here, "must be one of %s, not %q", strings.Join(o.OneOf, ", "), value)
	}
}

// optionText compiles the templates of one option; those that do not parse are reported, and missing.
func (b *builder) optionText(path string, o transports.Option, value any, shape *templates.Shape) *optionText {
	text := &optionText{}
	switch v := value.(type) {
	case string:
		text.one = b.compileOption(path, o, v, shape)
	case []string:
		for i, one := range v {
			text.list = append(text.list, b.compileOption(fmt.Sprintf("%s[%d]", path, i), o, one, shape))
		}
	case map[string]string:
		text.keys = map[string]*templates.Template{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			text.keys[key] = b.compileOption(path+"."+key, o, v[key], shape)
		}
	}
	return text
}

func (b *builder) compileOption(path string, o transports.Option, source string, shape *templates.Shape) *templates.Template {
	t, err := templates.ParseEscaped(o.Name, source, templates.Escaping{Func: o.Markup.Escape, Quoted: o.Markup.Quoted()})
	return b.checkVariables(path, t, err, shape)
}

// parts takes joined errors apart.
func parts(err error) []error {
	if err == nil {
		return nil
	}
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}

// optionAt finds the option that an error begins with.
func optionAt(path string, described []transports.Option, err error) (at, message string) {
	name, rest, _ := strings.Cut(err.Error(), " ")
	known := slices.ContainsFunc(described, func(o transports.Option) bool { return o.Name == name })
	if !known || rest == "" {
		return path, err.Error()
	}
	return path + "." + name, rest
}

// Fixed are the options that are no templates, as they are known before anything is rendered.
func (o *Options) Fixed() json.RawMessage {
	if o == nil || len(o.fixed) == 0 {
		return nil
	}
	raw, err := json.Marshal(o.fixed)
	if err != nil {
		return nil // Values of the types that options have always encode, but for numbers that JSON does not know.
	}
	return raw
}

// Render runs the templates of the options over vars. A failing one is named in the error.
func (o *Options) Render(vars map[string]any) (json.RawMessage, error) {
	if o == nil {
		return nil, nil
	}
	values := maps.Clone(o.fixed)
	for name, text := range o.texts {
		value, err := text.render(vars)
		if err != nil {
			return nil, fmt.Errorf("options.%s: %w", name, err)
		}
		values[name] = value
	}
	return json.Marshal(values)
}

func (t *optionText) render(vars map[string]any) (any, error) {
	switch {
	case t.keys != nil:
		rendered := make(map[string]string, len(t.keys))
		for key, one := range t.keys {
			text, err := execute(one, vars)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
			rendered[key] = text
		}
		return rendered, nil
	case t.list != nil:
		rendered := make([]string, len(t.list))
		for i, one := range t.list {
			text, err := execute(one, vars)
			if err != nil {
				return nil, err
			}
			rendered[i] = text
		}
		return rendered, nil
	}
	return execute(t.one, vars)
}

func execute(t *templates.Template, vars map[string]any) (string, error) {
	text, err := t.Execute(vars)
	return storable(text), err
}
