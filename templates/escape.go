package templates

import (
	"errors"
	"fmt"
	"text/template/parse"
)

// Escaping is how values are made harmless in a markup that this package does not know.
type Escaping struct {
	// Func returns a value as it is written. It must be safe for use by many goroutines. Nil writes values as they are.
	Func func(value string) string
	// Quoted says that the text is JSON, and that Func makes the inside of a string: values may stand nowhere else.
	Quoted bool
}

// quotes follows JSON through the text between the actions of a template: whether a string is open, and whether the
// last character was a backslash in it.
type quotes struct{ open, escaped bool }

func (q quotes) after(text []byte) quotes {
	for _, c := range text {
		switch {
		case q.escaped:
			q.escaped = false
		case q.open && c == '\\':
			q.escaped = true
		case c == '"':
			q.open = !q.open
		}
	}
	return q
}

// checkQuoted requires of a template that makes JSON that its values stand inside of strings, so that no value can
// change the structure.
func checkQuoted(source string, tree *parse.Tree) error {
	end, err := quotesAfter(source, tree.Root, quotes{}, 0)
	if err == nil && end != (quotes{}) {
		err = errors.New("a string of the JSON is not closed")
	}
	return err
}

func quotesAfter(source string, list *parse.ListNode, q quotes, depth int) (quotes, error) {
	if list == nil || depth > maxNesting {
		return q, nil // The compiler refuses what is nested deeper.
	}
	for _, node := range list.Nodes {
		var branch *parse.BranchNode
		switch n := node.(type) {
		case *parse.TextNode:
			q = q.after(n.Text)
		case *parse.ActionNode:
			if len(n.Pipe.Decl) == 0 && (!q.open || q.escaped) {
				return q, fmt.Errorf("%d: a value must stand inside of a JSON string: write \"{{ … }}\"", lineAt(source, n.Pos))
			}
		case *parse.IfNode:
			branch = &n.BranchNode
		case *parse.WithNode:
			branch = &n.BranchNode
		case *parse.RangeNode:
			branch = &n.BranchNode
		case *parse.BreakNode, *parse.ContinueNode:
			return q, fmt.Errorf("%d: break and continue leave JSON in an unknown place", lineAt(source, n.Position()))
		}
		if branch == nil {
			continue
		}
		for _, body := range []*parse.ListNode{branch.List, branch.ElseList} {
			end, err := quotesAfter(source, body, q, depth+1)
			if err != nil {
				return q, err
			}
			if end != q {
				return q, fmt.Errorf("%d: a condition or loop leaves a JSON string open or closes one", lineAt(source, branch.Pos))
			}
		}
	}
	return q, nil
}
