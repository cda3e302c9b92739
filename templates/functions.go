package templates

import (
	"fmt"
	"maps"
	"slices"
	"text/template/parse"
)

// function is one that templates can call. Arguments are canonical; the one before a pipe is the last.
type function struct {
	min, max int // Number of arguments; a negative max is no limit.
	null     bool

	// call is nil for and and or, which only the engines can do: they do not evaluate what is not needed.
	call func(args []any) (any, error)

	// check, when set, finds mistakes in literal arguments. It is given the arguments that are written after the
	// function, and how many there are with the piped one.
	check func(args []parse.Node, count int) string
}

func (fn function) arity() string {
	switch {
	case fn.max < 0:
		return fmt.Sprintf("at least %s", countOf(fn.min))
	case fn.min == fn.max:
		return countOf(fn.min)
	default:
		return fmt.Sprintf("%d to %s", fn.min, countOf(fn.max))
	}
}

func countOf(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", n)
}

var functions = map[string]function{
	"and": {min: 1, max: -1, null: true},
	"or":  {min: 1, max: -1, null: true},
	"not": {min: 1, max: 1, null: true, call: callNot},
	"eq":  {min: 2, max: -1, null: true, call: callEq},
	"ne":  {min: 2, max: 2, null: true, call: callNe},
	"lt":  {min: 2, max: 2, call: ordering("lt", func(order int) bool { return order < 0 })},
	"le":  {min: 2, max: 2, call: ordering("le", func(order int) bool { return order <= 0 })},
	"gt":  {min: 2, max: 2, call: ordering("gt", func(order int) bool { return order > 0 })},
	"ge":  {min: 2, max: 2, call: ordering("ge", func(order int) bool { return order >= 0 })},

	"index": {min: 2, max: -1, call: callIndex},
	"len":   {min: 1, max: 1, null: true, call: callLen},
	"slice": {min: 2, max: 3, call: callSlice},
	"join":  {min: 2, max: 2, call: callJoin},

	"default":  {min: 2, max: 2, null: true, call: callDefault},
	"lower":    {min: 1, max: 1, call: callLower},
	"print":    {min: 1, max: -1, call: callPrint},
	"printf":   {min: 2, max: -1, call: callPrintf, check: checkPrintf},
	"trim":     {min: 1, max: 1, call: callTrim},
	"truncate": {min: 2, max: 2, call: callTruncate},
	"upper":    {min: 1, max: 1, call: callUpper},
	"urlquery": {min: 1, max: 1, call: callURLQuery},

	"date":   {min: 2, max: 2, call: callDate, check: checkDate},
	"number": {min: 1, max: 1, call: callNumber},
}

// keywords cannot be read without a dot either.
var keywords = []string{"block", "break", "continue", "define", "else", "end", "false", "if", "nil", "range", "template", "true", "with"}

// engineFuncs is what the rewritten trees call. It is filled once and then only read.
var engineFuncs = makeEngineFuncs()

func makeEngineFuncs() map[string]any {
	funcs := map[string]any{
		engineName("read"):        readValue,
		engineName("print_guard"): printGuard,
		engineName("list_guard"):  listGuard,
		engineName("truth"):       truthGuard,
		engineName("step"):        stepGuard,
	}
	for name, fn := range functions {
		if fn.call != nil {
			funcs[engineName(name)] = guarded(name, fn)
		}
	}
	return funcs
}

// guarded gives a function canonical arguments, and makes it pay for them.
func guarded(name string, fn function) func(f *frame, args ...any) (any, error) {
	return func(f *frame, args ...any) (any, error) {
		plain := make([]any, len(args))
		for i, arg := range args {
			value, ok := canonical(arg)
			if !ok {
				return nil, unfit("%s: argument %d is of a type that templates cannot read", name, i+1)
			}
			if value == nil && !fn.null {
				return nil, unfit("%s: argument %d is null", name, i+1)
			}
			plain[i] = value
		}
		if err := f.charge(plain); err != nil {
			return nil, err
		}
		result, err := fn.call(plain)
		if err != nil {
			return nil, err
		}
		if s, ok := result.(string); ok && len(s) > maxOutput {
			return nil, fmt.Errorf("%s: %w", name, ErrTooLarge)
		}
		return result, f.charge([]any{result})
	}
}

// Functions lists the names of all functions, sorted.
//
//   - and, or, not, eq, ne, lt, le, gt, ge, index, len, slice, print, printf and urlquery are those of text/template,
//     with these differences: texts are measured and sliced in characters, len of null is 0, numbers compare by value
//     however they are written, and printf wants a literal format and verbs that fit its arguments.
//   - upper, lower and trim take a text.
//   - truncate 20 shortens a text to 20 characters, the last of which is then an ellipsis.
//   - default "friend" replaces a value that is absent, null or empty.
//   - join ", " puts the scalars of a list together.
//   - date "2 January 2006" formats a time or an RFC 3339 text; "date", "time" and "datetime" stand for ISO layouts.
//   - number groups the thousands: 1,234,567.5.
func Functions() []string { return slices.Sorted(maps.Keys(functions)) }

// IsFunction reports whether name is one of [Functions].
func IsFunction(name string) bool {
	_, ok := functions[name]
	return ok
}

// IsReserved reports whether a field of this name cannot be read without a dot: it is a function's or a keyword.
func IsReserved(name string) bool { return IsFunction(name) || slices.Contains(keywords, name) }
