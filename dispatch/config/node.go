package config

import "strings"

// kind is what a node holds.
type kind int

const (
	null kind = iota
	scalar
	mapping
	sequence
	// broken nodes were reported already: whoever meets one leaves its target alone and says nothing more.
	broken
)

// node is one value of the file, with the environment filled in and aliases followed.
type node struct {
	kind kind
	// at is a scalar's own place. For everything else it is that of its key, or of its first character in a list.
	at position
	// text is a scalar as it was written, without its quotes.
	text string
	// value is what YAML takes a scalar for: a string, bool, int64, uint64 or float64.
	value any
	// variables are the values of the environment that are part of text; variable is the name of the first.
	variables []string
	variable  string
	entries   []entry
	items     []*node
	// size counts this node and all below it.
	size int
}

// entry is one key of a mapping.
type entry struct {
	key   string
	at    position
	value *node
}

// words says what the node is, for problems.
func (n *node) words() string {
	switch n.kind {
	case mapping:
		return "a mapping"
	case sequence:
		return "a list"
	case scalar:
		return "a single value"
	default:
		return "nothing"
	}
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	for _, e := range n.entries {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// find returns the node at a path, or nil. Keys may contain dots, as events' names do.
func (n *node) find(path string) *node {
	if path == "" {
		return n
	}
	for i, item := range n.items {
		if rest, ok := strings.CutPrefix(path, index(i)); ok {
			return item.find(strings.TrimPrefix(rest, "."))
		}
	}
	for _, e := range n.entries {
		if within(path, e.key) && e.key != "" {
			if found := e.value.find(strings.TrimPrefix(path[len(e.key):], ".")); found != nil {
				return found
			}
		}
	}
	return nil
}

// place is where the node at path stands, or else its nearest parent.
func (n *node) place(path string) position {
	for path != "" {
		if found := n.find(path); found != nil {
			return found.at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return n.at
}
