package sms

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-notify/carillon/transports"
)

// placeholder is where a request has a part of the text's. It is no template: a request has no conditions.
var placeholder = regexp.MustCompile(`\{\{\s*([a-z_]*)\s*\}\}`)

// headerName is what a header may be called here.
var headerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,127}$`)

// placeholderNames are those that there are.
func placeholderNames() []string { return []string{"to", "from", "text", "id", "segments", "encoding"} }

// placeholdersIn lists the placeholders of a configured text. The error does not repeat it.
func placeholdersIn(text string) ([]string, error) {
	var names []string
	for _, found := range placeholder.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(placeholderNames(), found[1]) {
			return nil, errPlaceholder
		}
		names = append(names, found[1])
	}
	if rest := placeholder.ReplaceAllString(text, ""); strings.Contains(rest, "{{") || strings.Contains(rest, "}}") {
		return nil, errBraces
	}
	return names, nil
}

// fill writes values in place of the placeholders. What a value says is not looked at again.
func fill(text string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		return values[strings.Trim(found, "{} \t\n")]
	})
}

// fillAll is fill for every text in a value of JSON.
func fillAll(value any, values map[string]string) any {
	switch v := value.(type) {
	case string:
		return fill(v, values)
	case []any:
		filled := make([]any, len(v))
		for i, one := range v {
			filled[i] = fillAll(one, values)
		}
		return filled
	case map[string]any:
		filled := make(map[string]any, len(v))
		for name, one := range v {
			filled[name] = fillAll(one, values)
		}
		return filled
	}
	return value
}

// textsIn lists the texts in a value of JSON.
func textsIn(value any) []string {
	var all []string
	switch v := value.(type) {
	case string:
		all = append(all, v)
	case []any:
		for _, one := range v {
			all = append(all, textsIn(one)...)
		}
	case map[string]any:
		for _, one := range v {
			all = append(all, textsIn(one)...)
		}
	}
	return all
}

func reveal(all map[string]transports.Secret) []string {
	texts := make([]string, 0, len(all))
	for _, one := range all {
		texts = append(texts, one.Reveal())
	}
	return texts
}

// find is the text at a place of an answer, such as messages.0.id; empty if there is none. Numbers, true and false are
// texts, too.
func find(said any, place string) string {
	if place == "" {
		return ""
	}
	for step := range strings.SplitSeq(place, ".") {
		switch v := said.(type) {
		case map[string]any:
			said = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return ""
			}
			said = v[i]
		default:
			return ""
		}
	}
	switch v := said.(type) {
	case string:
		return v
	case json.Number, bool:
		return fmt.Sprint(v)
	}
	return ""
}

// maxID is how much of a service's id is kept.
const maxID = 128

// printable is a service's id as it may be stored and shown; empty if it is no id.
func printable(id string) string {
	if len(id) > maxID || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return id
}
