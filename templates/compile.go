package templates

import (
	"errors"
	"fmt"
	"strings"
	"text/template/parse"
)

var errPartials = errors.New("partials are not supported yet (define, template and block)")

// compiler rewrites one parse tree in place, and notes on the way what it reads.
type compiler struct {
	source   string
	kind     Kind
	assigned map[string]bool
	reads    []read
	found    variables
	errs     []error
	depth    int
	ranges   int
}

func newCompiler(source string, kind Kind) *compiler {
	return &compiler{source: source, kind: kind, assigned: map[string]bool{}, found: variables{}}
}

func (c *compiler) compile(tree *parse.Tree) error {
	c.findAssigned(tree.Root, 0)
	c.list(tree.Root, &scope{dot: root})
	return errors.Join(c.errs...)
}

// fail notes a mistake and goes on, so that an author sees all of them. The first ten are enough.
func (c *compiler) fail(pos parse.Pos, format string, args ...any) {
	if len(c.errs) >= 10 {
		return
	}
	c.errs = append(c.errs, fmt.Errorf("%d: %s", lineAt(c.source, pos), fmt.Sprintf(format, args...)))
}

func lineAt(source string, pos parse.Pos) int {
	return 1 + strings.Count(source[:min(int(pos), len(source))], "\n")
}

// enter counts nesting; every true is to be followed by leave.
func (c *compiler) enter(pos parse.Pos) bool {
	if c.depth >= maxNesting {
		c.fail(pos, "nested more than %d deep", maxNesting)
		return false
	}
	c.depth++
	return true
}

func (c *compiler) leave() { c.depth-- }

func (c *compiler) list(list *parse.ListNode, s *scope) {
	if list == nil || !c.enter(list.Pos) {
		return
	}
	defer c.leave()
	for _, node := range list.Nodes {
		c.statement(node, s)
	}
}

func (c *compiler) statement(node parse.Node, s *scope) {
	switch n := node.(type) {
	case *parse.ActionNode:
		c.action(n, s)
	case *parse.IfNode:
		c.condition(&n.BranchNode, s)
	case *parse.WithNode:
		c.with(&n.BranchNode, s)
	case *parse.RangeNode:
		c.loop(&n.BranchNode, s)
	case *parse.TemplateNode:
		c.fail(n.Pos, "%s", errPartials)
	case *parse.TextNode, *parse.CommentNode, *parse.BreakNode, *parse.ContinueNode:
	default:
		c.fail(node.Position(), "unexpected %T", node)
	}
}

// action prints a value, or declares or assigns a variable.
func (c *compiler) action(n *parse.ActionNode, s *scope) {
	if len(n.Pipe.Decl) > 0 {
		c.declare(n.Pipe, c.pipe(n.Pipe, s, nullable), s)
		return
	}
	text := clip(n.Pipe.String())
	first := len(c.reads)
	c.pipe(n.Pipe, s, required)
	// The guard names the first variable that the expression reads, else the expression as the author wrote it.
	guard := read{path: text}
	if first < len(c.reads) {
		guard.path = c.reads[first].path
	}
	c.printed(n.Pipe, c.addRead(guard))
}

// printed puts the guard of output behind a pipe. A urlquery at its end stays the last command, and becomes the one
// that html/template knows, so that the context of a URL does not encode a second time.
func (c *compiler) printed(p *parse.PipeNode, guard int) {
	if c.kind == HTML && len(p.Cmds) > 0 {
		last := p.Cmds[len(p.Cmds)-1]
		if name, ok := last.Args[0].(*parse.IdentifierNode); ok && name.Ident == engineName("urlquery") {
			if len(last.Args) == 3 { // The function, $ and the argument: not piped.
				last.Args = last.Args[2:]
			} else {
				p.Cmds = p.Cmds[:len(p.Cmds)-1]
			}
			appendCall(p, "print_guard", guard)
			p.Cmds = append(p.Cmds, command(p.Pos, parse.NewIdentifier("urlquery").SetPos(p.Pos)))
			return
		}
	}
	appendCall(p, "print_guard", guard)
}

func (c *compiler) condition(n *parse.BranchNode, s *scope) {
	inner := s.inner(s.dot)
	value := c.pipe(n.Pipe, inner, nullable)
	appendCall(n.Pipe, "truth")
	c.declare(n.Pipe, value, inner)
	c.list(n.List, inner.inner(inner.dot))
	c.list(n.ElseList, inner.inner(inner.dot))
}

func (c *compiler) with(n *parse.BranchNode, s *scope) {
	inner := s.inner(s.dot)
	value := c.pipe(n.Pipe, inner, nullable)
	appendCall(n.Pipe, "truth")
	c.declare(n.Pipe, value, inner)
	c.list(n.List, inner.inner(value))
	c.list(n.ElseList, inner.inner(inner.dot))
}

func (c *compiler) loop(n *parse.BranchNode, s *scope) {
	if c.ranges >= maxRanges {
		c.fail(n.Pos, "range is nested more than %d deep", maxRanges)
		return
	}
	if isLiteral(n.Pipe) {
		c.fail(n.Pos, "range wants a list or an object, not a literal")
		return
	}
	c.ranges++
	defer func() { c.ranges-- }()
	outer := s.inner(s.dot)
	value := c.pipe(n.Pipe, outer, nullable)
	path := value.path
	if !value.known || path == "" {
		path = "the value"
	}
	appendCall(n.Pipe, "list_guard", c.addRead(read{path: path}))

	body := s.inner(value.element())
	none := s.inner(s.dot)
	for i, v := range n.Pipe.Decl {
		c.checkDeclared(v)
		r := ref{}
		if i == len(n.Pipe.Decl)-1 && !c.assigned[v.Ident[0]] {
			r = value.element()
		}
		if !n.Pipe.IsAssign {
			body.declare(v.Ident[0], r)
			none.declare(v.Ident[0], ref{})
		}
	}
	c.list(n.List, body)
	c.list(n.ElseList, none)
	if n.List != nil {
		n.List.Nodes = append([]parse.Node{stepNode(n.Pos, n.Line)}, n.List.Nodes...)
	}
}

// declare binds the variables of a pipe that is no range. One that is assigned anywhere may be anything.
func (c *compiler) declare(p *parse.PipeNode, value ref, s *scope) {
	for _, v := range p.Decl {
		c.checkDeclared(v)
		if p.IsAssign {
			continue
		}
		if c.assigned[v.Ident[0]] {
			value = ref{}
		}
		s.declare(v.Ident[0], value)
	}
}

func (c *compiler) checkDeclared(v *parse.VariableNode) {
	if v.Ident[0] == "$" {
		c.fail(v.Pos, "$ is the payload and cannot be declared or assigned")
	}
}

// findAssigned notes the names of all variables that are assigned after their declaration.
func (c *compiler) findAssigned(list *parse.ListNode, depth int) {
	if list == nil || depth > maxNesting {
		return
	}
	for _, node := range list.Nodes {
		var b *parse.BranchNode
		switch n := node.(type) {
		case *parse.ActionNode:
			c.noteAssigned(n.Pipe)
			continue
		case *parse.IfNode:
			b = &n.BranchNode
		case *parse.WithNode:
			b = &n.BranchNode
		case *parse.RangeNode:
			b = &n.BranchNode
		default:
			continue
		}
		c.noteAssigned(b.Pipe)
		c.findAssigned(b.List, depth+1)
		c.findAssigned(b.ElseList, depth+1)
	}
}

func (c *compiler) noteAssigned(p *parse.PipeNode) {
	if p != nil && p.IsAssign {
		for _, v := range p.Decl {
			c.assigned[v.Ident[0]] = true
		}
	}
}
