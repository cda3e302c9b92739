package templates

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/template/parse"
)

// checkPrintf requires a literal format, so that nothing in a payload can act as one, and checks it.
func checkPrintf(args []parse.Node, count int) string {
	if len(args) == 0 {
		return "the format must be a literal text before the arguments"
	}
	format, ok := args[0].(*parse.StringNode)
	if !ok {
		return "the format must be a literal text"
	}
	verbs, problem := parseFormat(format.Text)
	if problem == "" && len(verbs) != count-1 {
		return fmt.Sprintf("the format has %d verbs for %s", len(verbs), countOf(count-1))
	}
	return problem
}

// parseFormat returns the verbs of a format. It accepts what is of use in a message: [-+ 0], two digits of width and of
// precision, and the verbs below. A free width would let a short template ask for gigabytes.
func parseFormat(format string) (verbs []byte, problem string) {
	for {
		i := strings.IndexByte(format, '%')
		if i < 0 {
			return verbs, ""
		}
		format = strings.TrimLeft(format[i+1:], "-+ 0")
		var ok bool
		if format, ok = skipDigits(format); ok && strings.HasPrefix(format, ".") {
			format, ok = skipDigits(format[1:])
		}
		if !ok {
			return nil, "a width or precision in the format has more than 2 digits"
		}
		if format == "" {
			return nil, "the format ends inside a verb"
		}
		verb := format[0]
		format = format[1:]
		switch {
		case verb == '%':
		case strings.IndexByte("vsqdxXfegt", verb) >= 0:
			verbs = append(verbs, verb)
		default:
			return nil, "the format has a verb that is not one of v s q d x X f e g t"
		}
	}
}

func skipDigits(s string) (string, bool) {
	rest := strings.TrimLeft(s, "0123456789")
	return rest, len(s)-len(rest) <= 2
}

func callPrintf(args []any) (any, error) {
	format, ok := args[0].(string)
	if !ok {
		return nil, unfit("printf wants a text as its format")
	}
	verbs, problem := parseFormat(format)
	if problem != "" || len(verbs) != len(args)-1 {
		return nil, unfit("printf: the format does not fit its arguments")
	}
	values := make([]any, len(verbs))
	for i, verb := range verbs {
		value, ok := verbValue(verb, args[i+1])
		if !ok {
			return nil, unfit("printf: %%%c does not take %s", verb, typeName(args[i+1]))
		}
		values[i] = value
	}
	return fmt.Sprintf(format, values...), nil
}

// verbValue turns a canonical value into what a verb takes. What does not fit is refused, because fmt
// would write its complaint, value included, into the message.
func verbValue(verb byte, v any) (any, bool) {
	switch verb {
	case 'd':
		n, ok := v.(int64)
		return n, ok
	case 'x', 'X':
		switch v.(type) {
		case int64, string:
			return v, true
		}
		return nil, false
	case 't':
		b, ok := v.(bool)
		return b, ok
	case 'f', 'e', 'g':
		switch v := v.(type) {
		case int64:
			return float64(v), true
		case json.Number:
			f, err := strconv.ParseFloat(v.String(), 64)
			return f, err == nil
		}
		return nil, false
	default:
		return textOf(v)
	}
}
