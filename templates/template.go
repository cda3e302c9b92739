package templates

import (
	"cmp"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"slices"
	"strings"
	texttemplate "text/template"
	"text/template/parse"
)

// Kind is what a template writes, and with it how values are escaped.
type Kind string

const (
	// Text writes values as they are: subjects, plain text, short messages.
	Text Kind = "text"

	// HTML escapes each value by the context it stands in.
	HTML Kind = "html"
)

// Variable is a path that a template reads from the payload.
type Variable struct {
	// Path leads from the payload to the value, with [] for each element of a list or map: order_number,
	// recipient.name, items[].name.
	Path string

	// Optional is true when every read of the path has a default.
	Optional bool
}

// executor is what text/template and html/template have in common.
type executor interface {
	Execute(w io.Writer, data any) error
}

// Template is a compiled template. It is immutable and safe for use by many goroutines.
type Template struct {
	name      string
	escaping  func(value string) string
	engine    executor
	reads     []read
	variables []Variable
}

// Parse compiles source. The name appears in errors only.
//
// It returns all mistakes it finds in names, functions and their use, joined; and for the kind HTML also markup in
// which the context of a value is not certain. It returns [ErrTooLarge] for a source of more than 256 KiB.
func Parse(name, source string, kind Kind) (*Template, error) {
	return parseWith(name, source, kind, Escaping{})
}

// ParseEscaped is [Parse] of a text into which values are written escaped.
//
// If the escaping is quoted, it returns an error also for a value that does not stand between the quotes of a JSON
// string, and for a condition or loop that ends in another place than it began.
func ParseEscaped(name, source string, escaping Escaping) (*Template, error) {
	return parseWith(name, source, Text, escaping)
}

func parseWith(name, source string, kind Kind, escaping Escaping) (t *Template, err error) {
	// The standard parsers are solid, but a hostile source must not take the process down should one of them not be.
	defer func() {
		if recover() != nil {
			t, err = nil, fmt.Errorf("parse template %s: the parser panicked", name)
		}
	}()
	if kind != Text && kind != HTML {
		return nil, fmt.Errorf("parse template %s: unknown kind %q", name, string(kind))
	}
	if len(source) > maxSource {
		return nil, fmt.Errorf("parse template %s: source is over %d bytes: %w", name, maxSource, ErrTooLarge)
	}
	tree, err := parseTree(name, source)
	if err != nil {
		return nil, fmt.Errorf("parse template %s: %w", name, err)
	}
	if escaping.Quoted {
		if err := checkQuoted(source, tree); err != nil {
			return nil, fmt.Errorf("parse template %s: %w", name, err)
		}
	}
	c := newCompiler(source, kind)
	if err := c.compile(tree); err != nil {
		return nil, fmt.Errorf("parse template %s: %w", name, err)
	}
	t = &Template{name: name, escaping: escaping.Func, reads: c.reads, variables: c.found.sorted()}
	if t.engine, err = newEngine(name, tree, kind); err != nil {
		return nil, fmt.Errorf("parse template %s: %w", name, err)
	}
	if err := t.escape(source); err != nil {
		return nil, fmt.Errorf("parse template %s: %w", name, err)
	}
	return t, nil
}

// Variables lists what the template reads, sorted by path. What depends on data, such as the result of index or a
// variable that is assigned twice, cannot be known in advance and is left out; reading it is as strict as ever.
func (t *Template) Variables() []Variable { return slices.Clone(t.variables) }

// Execute renders the template with data as [Decode] returns it. Other maps, slices and scalars work too; structs do
// not.
//
// It returns a [*MissingError] for a variable that is not there, [ErrTooLarge] and [ErrTooManySteps] at the limits, and
// other errors for values that do not fit their use. None of them contains a value of data. After an error the output
// is empty: half a message is never returned.
func (t *Template) Execute(data map[string]any) (result string, err error) {
	defer func() {
		if recover() != nil {
			result, err = "", fmt.Errorf("execute template %s: a value panicked", t.name)
		}
	}()
	var out output
	if err := t.engine.Execute(&out, &frame{tmpl: t, data: data}); err != nil {
		return "", fmt.Errorf("execute template %s: %w", t.name, ownError(err))
	}
	return out.b.String(), nil
}

// escape makes html/template do its contextual analysis now, which it would otherwise do, and fail to do, when the
// first message is due.
func (t *Template) escape(source string) error {
	err := t.engine.Execute(io.Discard, &frame{tmpl: t, steps: maxSteps, work: maxWork})
	var markup *htmltemplate.Error
	if !errors.As(err, &markup) {
		return nil
	}
	line := markup.Line
	if markup.Node != nil {
		line = lineAt(source, markup.Node.Position())
	}
	reason := markup.Description
	switch markup.ErrorCode {
	case htmltemplate.ErrEndContext:
		return errors.New("the markup ends inside a tag, an attribute or a script")
	case htmltemplate.ErrBranchEnd:
		reason = "a condition or loop leaves the markup in different places (close the tag or attribute in all branches or in none)"
	case htmltemplate.ErrRangeLoopReentry:
		reason = "a loop leaves the markup in another place than it began (close the tag or attribute inside of it)"
	case htmltemplate.ErrAmbigContext:
		reason = "a value stands where its context in a URL is not certain (move the condition before it, or write the URL as one value)"
	case htmltemplate.ErrPredefinedEscaper:
		reason = "an escaping function is not allowed here"
	}
	return fmt.Errorf("%d: %s", line, reason)
}

// parseTree parses without checking functions, and refuses sources that define templates.
func parseTree(name, source string) (*parse.Tree, error) {
	tree := parse.New(name)
	tree.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := tree.Parse(source, "", "", set); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "template: "+name+":"))
	}
	if len(set) != 1 || set[name] != tree {
		return nil, errPartials
	}
	return tree, nil
}

func newEngine(name string, tree *parse.Tree, kind Kind) (executor, error) {
	if kind == HTML {
		root := htmltemplate.New(name).Funcs(engineFuncs)
		return root.AddParseTree(name, tree)
	}
	root := texttemplate.New(name).Funcs(engineFuncs)
	return root.AddParseTree(name, tree)
}

// ownError reduces an error of the engines to the part of it that is ours. Their own texts quote values of the payload.
func ownError(err error) error {
	var missing *MissingError
	if errors.As(err, &missing) {
		return missing
	}
	var value *valueError
	if errors.As(err, &value) {
		return value
	}
	for _, limit := range []error{ErrTooLarge, ErrTooManySteps} {
		if errors.Is(err, limit) {
			return limit
		}
	}
	return errors.New("a value does not fit its use")
}

// variables collects paths; a read without a default makes a path required, whatever the others say.
type variables map[string]bool

func (v variables) add(path string, optional bool) {
	seen, ok := v[path]
	v[path] = optional && (!ok || seen)
}

func (v variables) sorted() []Variable {
	list := make([]Variable, 0, len(v))
	for path, optional := range v {
		list = append(list, Variable{Path: path, Optional: optional})
	}
	slices.SortFunc(list, func(a, b Variable) int { return cmp.Compare(a.Path, b.Path) })
	return list
}
