package templates

import (
	"strings"
	"text/template/parse"
)

// pipe rewrites a pipeline and says where its value comes from, as far as that is certain. The mode is for what the
// pipeline ends in.
func (c *compiler) pipe(p *parse.PipeNode, s *scope, m mode) ref {
	if !c.enter(p.Pos) {
		return ref{}
	}
	defer c.leave()
	var value ref
	for i, cmd := range p.Cmds {
		cmdMode := m
		if i < len(p.Cmds)-1 {
			cmdMode = pipedMode(p.Cmds[i+1])
		}
		value = c.command(cmd, s, cmdMode, i > 0, value)
	}
	return value
}

// command rewrites one command of a pipeline; piped is where the value before the pipe comes from.
func (c *compiler) command(cmd *parse.CommandNode, s *scope, m mode, isPiped bool, piped ref) ref {
	name, isName := cmd.Args[0].(*parse.IdentifierNode)
	if isName && (isPiped || len(cmd.Args) > 1 || IsFunction(name.Ident)) {
		return c.call(cmd, name, s, isPiped, piped)
	}
	if isPiped {
		c.fail(cmd.Pos, "%q follows a pipe, but is no function", clip(cmd.String()))
		return ref{}
	}
	if len(cmd.Args) > 1 {
		c.fail(cmd.Pos, "%q has arguments, but is no function", clip(cmd.Args[0].String()))
		return ref{}
	}
	node, value := c.operand(cmd.Args[0], s, m)
	if p, ok := node.(*parse.PipeNode); ok && len(p.Cmds) == 1 && len(p.Decl) == 0 {
		cmd.Args = p.Cmds[0].Args
		return value
	}
	cmd.Args = []parse.Node{node}
	return value
}

// call rewrites the call of a function, with its arguments checked as far as the source tells.
func (c *compiler) call(cmd *parse.CommandNode, name *parse.IdentifierNode, s *scope, isPiped bool, piped ref) ref {
	fn, ok := functions[name.Ident]
	if !ok {
		c.fail(name.Pos, "unknown function %q", clip(name.Ident))
		return ref{}
	}
	args := cmd.Args[1:]
	count := len(args)
	if isPiped {
		count++
	}
	if count == 0 {
		c.functionRead(name)
		return ref{}
	}
	if count < fn.min || fn.max >= 0 && count > fn.max {
		c.fail(name.Pos, "%s takes %s, not %d", name.Ident, fn.arity(), count)
		return ref{}
	}
	if fn.check != nil {
		if problem := fn.check(args, count); problem != "" {
			c.fail(name.Pos, "%s: %s", name.Ident, problem)
		}
	}
	var last ref
	literalFirst := len(args) > 0 && isLiteralNode(args[0])
	for i, arg := range args {
		args[i], last = c.operand(arg, s, argMode(name.Ident, fn, i, count))
		// Only what and and or test needs the guard of conditions; what they return as their last is tested by others.
		if p, ok := args[i].(*parse.PipeNode); ok && fn.call == nil && (isPiped || i < len(args)-1) {
			appendCall(p, "truth")
		}
	}
	if isPiped {
		last = piped
	}
	if fn.call != nil {
		cmd.Args = append([]parse.Node{parse.NewIdentifier(engineName(name.Ident)).SetPos(name.Pos), frameNode(name.Pos)}, args...)
	}
	if name.Ident == "default" && literalFirst && last.known {
		last.optional = true
		return last
	}
	return ref{}
}

// operand rewrites a term. What reads the payload becomes a pipe with a call of the reader.
func (c *compiler) operand(node parse.Node, s *scope, m mode) (parse.Node, ref) {
	switch n := node.(type) {
	case *parse.DotNode:
		return c.read(n, n.Pos, ".", s.dot, nil, m)
	case *parse.FieldNode:
		return c.read(dotNode(n.Pos), n.Pos, "", s.dot, n.Ident, m)
	case *parse.VariableNode:
		base := &parse.VariableNode{NodeType: parse.NodeVariable, Pos: n.Pos, Ident: n.Ident[:1]}
		return c.read(base, n.Pos, n.Ident[0], s.lookup(n.Ident[0]), n.Ident[1:], m)
	case *parse.IdentifierNode:
		if IsFunction(n.Ident) {
			c.functionRead(n)
			return n, ref{}
		}
		return c.read(dotNode(n.Pos), n.Pos, "", s.dot, []string{n.Ident}, m)
	case *parse.ChainNode:
		return c.chain(n, s, m)
	case *parse.PipeNode:
		if len(n.Decl) > 0 {
			c.fail(n.Pos, "variables are declared at the start of an action, not in parentheses")
			return n, ref{}
		}
		value := c.pipe(n, s, m)
		return n, value
	case *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode:
		return n, ref{}
	default:
		c.fail(node.Position(), "unexpected %T", node)
		return n, ref{}
	}
}

// chain rewrites field access on a name or on parentheses: recipient.name, (index items 0).name.
func (c *compiler) chain(n *parse.ChainNode, s *scope, m mode) (parse.Node, ref) {
	switch base := n.Node.(type) {
	case *parse.IdentifierNode:
		if IsFunction(base.Ident) {
			c.functionRead(base)
			return n, ref{}
		}
		names := append([]string{base.Ident}, n.Field...)
		return c.read(dotNode(n.Pos), n.Pos, "", s.dot, names, m)
	case *parse.PipeNode:
		baseMode := nullable
		if m == optional {
			baseMode = optional
		}
		node, value := c.operand(base, s, baseMode)
		return c.read(node, n.Pos, "", value, n.Field, m)
	default:
		c.fail(n.Pos, "%q has no fields", clip(n.Node.String()))
		return n, ref{}
	}
}

// read makes the call that reads names below base, and notes the variable.
func (c *compiler) read(base parse.Node, pos parse.Pos, label string, from ref, names []string, m mode) (parse.Node, ref) {
	value := from.field(names)
	if m == optional {
		value.optional = value.known
	}
	path := label
	switch {
	case value.known && value.path != "":
		path = value.path
		c.found.add(value.path, value.optional)
	case len(names) > 0:
		path = strings.Join(names, ".")
	}
	i := c.addRead(read{path: path, names: names, mode: m})
	return readNode(pos, base, i), value
}

func (c *compiler) addRead(r read) int {
	c.reads = append(c.reads, r)
	return len(c.reads) - 1
}

func (c *compiler) functionRead(n *parse.IdentifierNode) {
	c.fail(n.Pos, "%q is a function and takes %s (write .%s to read the field)", n.Ident, functions[n.Ident].arity(), n.Ident)
}

// pipedMode is the mode of a value that is piped into cmd.
func pipedMode(cmd *parse.CommandNode) mode {
	if name, ok := cmd.Args[0].(*parse.IdentifierNode); ok {
		if fn, ok := functions[name.Ident]; ok {
			return argMode(name.Ident, fn, len(cmd.Args)-1, len(cmd.Args))
		}
	}
	return required
}

// argMode is the mode of argument i of count.
func argMode(name string, fn function, i, count int) mode {
	switch {
	case name == "default" && i == count-1:
		return optional
	case fn.null:
		return nullable
	default:
		return required
	}
}

// clip keeps error texts readable when a source is not.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}
