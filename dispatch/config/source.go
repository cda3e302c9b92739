package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The parser works recursively and takes quadratic time for deep nesting, so that both are bounded before it runs.
const (
	maxSource  = 1 << 20
	maxNesting = 64
)

// start is where problems of the file as a whole are put.
var start = position{1, 1}

// parseSource returns the tree of the source's one document, or nil if the source is no YAML, which is then reported.
func parseSource(r *report, source []byte, env func(string) (string, bool)) *node {
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	switch {
	case len(source) > maxSource:
		r.add(start, "", "the file is larger than %d bytes", maxSource)
		return nil
	case !utf8.Valid(source):
		r.add(start, "", "the file is not text in UTF-8")
		return nil
	}
	documents := parseYAML(r, string(source))
	if len(r.found) > 0 {
		return nil
	}
	if len(documents) > 1 {
		r.add(where(documents[1].Body), "", "the file has a second document (put everything into one)")
		return nil
	}
	c := &converter{report: r, env: env, anchors: map[string]*node{}}
	if len(documents) == 0 {
		return &node{at: start}
	}
	root := c.convert(documents[0].Body, "")
	root.at = start
	if root.size > maxNodes {
		r.add(start, "", "the file's aliases make it larger than %d values", maxNodes)
		return nil
	}
	return root
}

// parseYAML reports one problem if the text is not YAML. A panic of the parser on text that it does not
// expect is such a problem, too: it must not end a process that could go on with the configuration it has.
func parseYAML(r *report, text string) (documents []*ast.DocumentNode) {
	defer func() {
		if recover() != nil {
			r.add(start, "", "the file is not YAML")
		}
	}()
	tokens := lexer.Tokenize(text)
	if at, deep := tooDeep(tokens); deep {
		r.add(at, "", "nested more than %d levels deep", maxNesting)
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		reportSyntax(r, err, strings.Split(text, "\n"))
		return nil
	}
	for _, document := range file.Docs {
		if document.Body != nil {
			documents = append(documents, document)
		}
	}
	return documents
}

// tooDeep looks at nesting within one line. Nesting by indentation is bounded by the size of the source.
func tooDeep(tokens token.Tokens) (position, bool) {
	flow, line, entries := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
		}
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			entries++
		}
		if flow > maxNesting || entries > maxNesting && flow == 0 {
			return position{t.Position.Line, t.Position.Column}, true
		}
	}
	return position{}, false
}

// The parser's own message quotes parts of the source only between double quotes; they may be of a credential.
var quoted = regexp.MustCompile(`:? *"(\\.|[^"\\])*"`)

func reportSyntax(r *report, err error, lines []string) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil || syntax.GetToken().Position == nil {
		r.add(start, "", "the file is not YAML")
		return
	}
	at := position{syntax.GetToken().Position.Line, syntax.GetToken().Position.Column}
	message := "not YAML: " + quoted.ReplaceAllString(syntax.GetMessage(), "")
	if at.line >= 1 && at.line <= len(lines) && bareReference.MatchString(lines[at.line-1]) {
		message += fmt.Sprintf(" (inside { } and [ ] put %q into quotes)", "${…}")
	}
	r.add(at, "", "%s", message)
}

// bareReference is a reference without quotes in a flow mapping or sequence.
var bareReference = regexp.MustCompile(`[{\[,][^"']*[:,\[]\s*\$\{`)
