package config

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// maxNodes bounds what aliases can blow a small file up to.
const maxNodes = 100_000

// converter makes nodes of the parser's tree.
type converter struct {
	*report
	env     func(string) (string, bool)
	anchors map[string]*node
}

func (c *converter) convert(from ast.Node, path string) *node {
	at := where(from)
	switch v := from.(type) {
	case nil, *ast.NullNode:
		return &node{at: at, size: 1}
	case *ast.MappingNode:
		return c.mapping(v.Values, at, path)
	case *ast.MappingValueNode:
		return c.mapping([]*ast.MappingValueNode{v}, at, path)
	case *ast.SequenceNode:
		return c.sequence(v, at, path)
	case *ast.AnchorNode:
		converted := c.convert(v.Value, path)
		c.anchors[v.Name.GetToken().Value] = converted
		return converted
	case *ast.AliasNode:
		return c.alias(v, at, path)
	case *ast.TagNode:
		c.add(at, path, "tags are not supported (leave %s away)", "!…")
		return &node{kind: broken, at: at, size: 1}
	case *ast.LiteralNode:
		return c.expand(&node{kind: scalar, at: at, text: v.Value.Value, value: v.Value.Value, size: 1}, path)
	case *ast.StringNode:
		return c.expand(&node{kind: scalar, at: at, text: v.Value, value: v.Value, size: 1}, path)
	case ast.ScalarNode:
		return &node{kind: scalar, at: at, text: v.GetToken().Value, value: v.GetValue(), size: 1}
	default:
		c.add(at, path, "this kind of YAML is not supported")
		return &node{kind: broken, at: at, size: 1}
	}
}

func (c *converter) mapping(values []*ast.MappingValueNode, at position, path string) *node {
	m := &node{kind: mapping, at: at, size: 1}
	var merged []*node
	first := map[string]position{}
	for _, v := range values {
		at := where(v.Key)
		if _, ok := v.Key.(*ast.MergeKeyNode); ok {
			merged = append(merged, c.mergedBy(v.Value, at, path)...)
			continue
		}
		key, ok := keyOf(v.Key)
		if !ok {
			c.add(at, path, "a key must be a single word")
			continue
		}
		inner := join(path, key)
		if other, taken := first[key]; taken {
			c.aside(at, inner, "the key is there twice (first in line %d)", other.line)
			continue
		}
		first[key] = at
		value := c.convert(v.Value, inner)
		if value.kind != scalar {
			value = value.movedTo(at)
		}
		m.put(entry{key: key, at: at, value: value})
	}
	for _, source := range merged {
		for _, e := range source.entries {
			if m.get(e.key) == nil {
				m.put(e)
			}
		}
	}
	return m
}

// mergedBy returns the mappings that a merge key names: an alias, or a list of them.
func (c *converter) mergedBy(value ast.Node, at position, path string) []*node {
	source := c.convert(value, path)
	sources := []*node{source}
	if source.kind == sequence {
		sources = source.items
	}
	for _, s := range sources {
		if s.kind != mapping && s.kind != broken {
			c.add(at, path, "a merge key (<<) takes a mapping, or a list of mappings")
		}
	}
	return sources
}

func (c *converter) sequence(from *ast.SequenceNode, at position, path string) *node {
	s := &node{kind: sequence, at: at, size: 1}
	for i, value := range from.Values {
		item := c.convert(value, path+index(i))
		if item.kind == null && i < len(from.Entries) {
			item = item.movedTo(where(from.Entries[i]))
		}
		s.items = append(s.items, item)
		s.grow(item)
	}
	return s
}

// alias repeats what an anchor named. An anchor counts only once its value ended, so that nothing contains itself.
func (c *converter) alias(from *ast.AliasNode, at position, path string) *node {
	named, known := c.anchors[from.Value.GetToken().Value]
	if !known {
		c.add(at, path, "the alias names no anchor that stands before it")
		return &node{kind: broken, at: at, size: 1}
	}
	return named.movedTo(at)
}

// movedTo is the same value at another place.
func (n *node) movedTo(at position) *node {
	moved := *n
	moved.at = at
	return &moved
}

func (n *node) put(e entry) {
	n.entries = append(n.entries, e)
	n.grow(e.value)
}

// grow stops counting at the limit: an int would otherwise overflow.
func (n *node) grow(child *node) {
	n.size = min(n.size+child.size, maxNodes+1)
}

func keyOf(key ast.Node) (string, bool) {
	s, ok := key.(ast.ScalarNode)
	if !ok || key.Type() == ast.TagType || key.Type() == ast.AnchorType || key.Type() == ast.AliasType {
		return "", false
	}
	return s.GetToken().Value, true
}

// where is the place of the first character of a node of the parser's tree.
func where(n ast.Node) position {
	var t *token.Token
	switch v := n.(type) {
	case nil:
	case *ast.MappingNode:
		// Without braces the parser has it at the first colon.
		if !v.IsFlowStyle && len(v.Values) > 0 {
			return where(v.Values[0])
		}
		t = v.GetToken()
	case *ast.MappingValueNode:
		return where(v.Key)
	default:
		t = n.GetToken()
	}
	if t == nil || t.Position == nil {
		return start
	}
	return position{t.Position.Line, t.Position.Column}
}

// join is the path of a key. Below transports, a key that is no name may be a credential in the wrong place.
func join(path, key string) string {
	if path == "" {
		return key
	}
	if within(path, "transports") && key != "*" && !keyName.MatchString(key) {
		key = "?"
	}
	return path + "." + key
}

func index(i int) string { return fmt.Sprintf("[%d]", i) }
