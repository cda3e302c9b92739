package config

import (
	"regexp"
	"strings"
)

// reference finds escapes, references, and what only begins like one.
var reference = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{`)

// expand replaces the references to the environment in a scalar.
func (c *converter) expand(n *node, path string) *node {
	matches := reference.FindAllStringSubmatchIndex(n.text, -1)
	if matches == nil {
		return n
	}
	var out strings.Builder
	done := 0
	for _, m := range matches {
		out.WriteString(n.text[done:m[0]])
		done = m[1]
		whole := n.text[m[0]:m[1]]
		switch {
		case whole == "$${":
			out.WriteString("${")
		case m[2] >= 0:
			name := n.text[m[2]:m[3]]
			value, set := c.env(name)
			if !set {
				c.add(n.at, path, "the environment variable %s is not set", name)
				n.kind = broken
			}
			n.variables = append(n.variables, value)
			if n.variable == "" {
				n.variable = name
			}
			out.WriteString(value)
		case strings.HasPrefix(n.text[done:], "{"):
			// A dollar before a placeholder, as in "${{ price }}", is no reference.
			out.WriteString(whole)
		default:
			c.add(n.at, path, "${ begins a reference to the environment (write ${NAME}, or $${ for the characters themselves)")
			n.kind = broken
		}
	}
	out.WriteString(n.text[done:])
	n.text = out.String()
	n.value = n.text
	return n
}
