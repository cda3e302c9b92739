package templates

import (
	"strconv"
	"text/template/parse"
)

// engineName is what a function is called inside the engines. With a name of their own, ours can neither be confused
// with the builtins, of which html/template knows some, nor be called by a template.
func engineName(name string) string { return "carillon_" + name }

// stepVariable cannot be written in a source, so it shadows no variable of the template.
const stepVariable = "$step!"

func dotNode(pos parse.Pos) parse.Node {
	return &parse.DotNode{NodeType: parse.NodeDot, Pos: pos}
}

// frameNode is $: the engines set it to the data of Execute, which is the frame.
func frameNode(pos parse.Pos) parse.Node {
	return &parse.VariableNode{NodeType: parse.NodeVariable, Pos: pos, Ident: []string{"$"}}
}

func indexNode(pos parse.Pos, i int) parse.Node {
	return &parse.NumberNode{NodeType: parse.NodeNumber, Pos: pos, IsInt: true, Int64: int64(i), Text: strconv.Itoa(i)}
}

func command(pos parse.Pos, args ...parse.Node) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: args}
}

func callNode(pos parse.Pos, name string, args ...parse.Node) *parse.CommandNode {
	args = append([]parse.Node{parse.NewIdentifier(engineName(name)).SetPos(pos), frameNode(pos)}, args...)
	return command(pos, args...)
}

// readNode is (carillon_read $ index base).
func readNode(pos parse.Pos, base parse.Node, index int) *parse.PipeNode {
	return &parse.PipeNode{
		NodeType: parse.NodePipe,
		Pos:      pos,
		Cmds:     []*parse.CommandNode{callNode(pos, "read", indexNode(pos, index), base)},
	}
}

// appendCall pipes what p yields into one of our guards. The indexes are those of reads, for the texts of errors.
func appendCall(p *parse.PipeNode, name string, indexes ...int) {
	args := make([]parse.Node, len(indexes))
	for i, index := range indexes {
		args[i] = indexNode(p.Pos, index)
	}
	p.Cmds = append(p.Cmds, callNode(p.Pos, name, args...))
}

// stepNode counts one step. It declares a variable, because a declaration prints nothing and html/template
// leaves it alone in whatever context the body of a range stands.
func stepNode(pos parse.Pos, line int) parse.Node {
	return &parse.ActionNode{NodeType: parse.NodeAction, Pos: pos, Line: line, Pipe: &parse.PipeNode{
		NodeType: parse.NodePipe,
		Pos:      pos,
		Line:     line,
		Decl:     []*parse.VariableNode{{NodeType: parse.NodeVariable, Pos: pos, Ident: []string{stepVariable}}},
		Cmds:     []*parse.CommandNode{callNode(pos, "step")},
	}}
}

// isLiteral reports whether a pipe is nothing but a number, a text or a truth value.
func isLiteral(p *parse.PipeNode) bool {
	for depth := 0; depth < maxNesting && len(p.Cmds) == 1 && len(p.Cmds[0].Args) == 1; depth++ {
		inner, ok := p.Cmds[0].Args[0].(*parse.PipeNode)
		if !ok {
			return isLiteralNode(p.Cmds[0].Args[0])
		}
		p = inner
	}
	return false
}

func isLiteralNode(n parse.Node) bool {
	switch n.(type) {
	case *parse.NumberNode, *parse.StringNode, *parse.BoolNode:
		return true
	}
	return false
}
