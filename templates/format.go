package templates

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"text/template/parse"
	"time"
)

// layouts are the names for layouts. They are ISO 8601 until locales have a say.
var layouts = map[string]string{
	"date":     time.DateOnly,
	"time":     "15:04",
	"datetime": "2006-01-02 15:04",
}

const layoutProblem = `the layout has no part of a date (it is written with Go's reference time, such as "2 January 2006")`

// checkDate refuses literal layouts like YYYY-MM-DD, which would be sent as they are.
func checkDate(args []parse.Node, _ int) string {
	if len(args) == 0 {
		return ""
	}
	if layout, ok := args[0].(*parse.StringNode); ok && !isLayout(layout.Text) {
		return layoutProblem
	}
	return ""
}

// isLayout reports whether a layout writes anything of the time: two times that differ in every part show it.
func isLayout(layout string) bool {
	if _, ok := layouts[layout]; ok {
		return true
	}
	one := time.Date(2001, time.January, 1, 1, 1, 1, 111111111, time.FixedZone("ONE", 3600))
	two := time.Date(2022, time.October, 22, 14, 22, 22, 222222222, time.FixedZone("TWO", 7200))
	return one.Format(layout) != two.Format(layout)
}

// callDate formats a time in the zone that it carries: date LAYOUT VALUE.
func callDate(args []any) (any, error) {
	layout, ok := args[0].(string)
	if !ok || !isLayout(layout) {
		return nil, unfit("date: %s", layoutProblem)
	}
	if named, ok := layouts[layout]; ok {
		layout = named
	}
	switch v := args[1].(type) {
	case time.Time:
		return v.Format(layout), nil
	case string:
		for _, form := range []string{time.RFC3339Nano, time.DateOnly} {
			if t, err := time.Parse(form, v); err == nil {
				return t.Format(layout), nil
			}
		}
		return nil, unfit("date: the text is no time in the form of RFC 3339")
	}
	return nil, unfit("date wants a time or a text, not %s", typeName(args[1]))
}

var decimal = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)

// callNumber groups the thousands of a number, or of a text that is a plain decimal: 1234.50 is 1,234.50.
func callNumber(args []any) (any, error) {
	text, ok := textOf(args[0])
	if n, isNumber := args[0].(json.Number); isNumber && strings.ContainsAny(text, "eE") {
		f, err := strconv.ParseFloat(n.String(), 64)
		text, ok = strconv.FormatFloat(f, 'f', -1, 64), err == nil
	}
	if !ok || len(text) > maxDigits || !decimal.MatchString(text) {
		return nil, unfit("number wants a number, not %s", typeName(args[0]))
	}
	sign := ""
	if text[0] == '-' {
		sign, text = "-", text[1:]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if fraction != "" {
		fraction = "." + fraction
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole + fraction, nil
}
