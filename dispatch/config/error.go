package config

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a file: where, what, and the way out.
type Problem struct {
	// File is the name that was given to [Load] or [Parse].
	File string
	// Line and Column count from 1; columns count characters.
	Line, Column int
	// Path is the way through the keys, such as events.orders.created.channels[0].audience. It is empty for what
	// concerns the file as a whole.
	Path string
	// Message says what is wrong. It contains no credential.
	Message string
}

// String is "carillon.yaml:12:7: path: message".
func (p Problem) String() string {
	if p.Path == "" {
		return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", p.File, p.Line, p.Column, p.Path, p.Message)
}

// Problems is the error of [Load] and [Parse] for a file that is wrong: all that is, in the order of the file.
type Problems []Problem

// Error lists all problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return fmt.Sprintf("%d problems:\n%s", len(lines), strings.Join(lines, "\n"))
}
