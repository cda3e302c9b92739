package classify

import (
	"fmt"
	"strconv"
	"strings"
)

// When is what the rule applies to, in words for the documentation.
func (r Rule) When() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if len(r.Stages) > 0 {
		add("at %s", join(r.Stages, ", "))
	}
	if len(r.Faults) > 0 {
		add("%s", join(r.Faults, ", "))
	}
	if len(r.Status) > 0 {
		var codes []string
		for _, c := range r.Status {
			text := strconv.Itoa(c)
			if c < 10 {
				text += "xx"
			}
			codes = append(codes, text)
		}
		add("%s", strings.Join(codes, ", "))
	}
	if len(r.Codes) > 0 {
		var codes []string
		for _, c := range r.Codes {
			if strings.HasSuffix(c, ".") {
				c += "*"
			}
			codes = append(codes, "`"+c+"`")
		}
		add("%s", strings.Join(codes, ", "))
	}
	if r.Bare {
		add("without a finer code")
	}
	if len(r.Words) > 0 {
		add("says “%s”", strings.Join(r.Words, "”, “"))
	}
	if r.Told {
		add("with Retry-After")
	}
	if r.Unkeyed {
		add("of a request without an idempotency key")
	}
	return strings.Join(parts, "; ")
}

// Limit is when the class becomes another one, in words; empty if it does not.
func (r Rule) Limit() string {
	switch {
	case r.Tries > 0:
		return fmt.Sprintf("%s at attempt %d", r.Then, r.Tries)
	case r.InARow > 0:
		return fmt.Sprintf("%s after %d in a row", r.Then, r.InARow)
	case r.Failing > 0:
		return fmt.Sprintf("%s after %.0f h of failures", r.Then, r.Failing.Hours())
	}
	return ""
}

func join[T ~string](all []T, with string) string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = string(one)
	}
	return strings.Join(texts, with)
}
