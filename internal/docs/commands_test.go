package docs_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// program is the carillon command, of which the help is asked once per command.
type program struct {
	path string
	mu   sync.Mutex
	help map[string]*help
}

// help is what a command says of itself.
type help struct {
	commands  map[string]bool
	flags     map[string]bool // true if the flag takes a value
	arguments int
}

func build(t *testing.T) *program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "carillon")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/carillon")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return &program{path: path, help: map[string]*help{}}
}

var (
	helpCommand = regexp.MustCompile(`^  (\S+) +\S`)
	helpFlag    = regexp.MustCompile(`^ +(?:-\w, )?--([\w-]+)( \S+)?`)
)

func (p *program) ask(t *testing.T, path []string) *help {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	key := strings.Join(path, " ")
	if p.help[key] != nil {
		return p.help[key]
	}
	cmd := exec.CommandContext(t.Context(), p.path, append(append([]string{}, path...), "--help")...)
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, cmd.Run(), "carillon %s --help", key)
	h := &help{commands: map[string]bool{}, flags: map[string]bool{}}
	part := ""
	for line := range strings.Lines(out.String()) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasSuffix(line, ":") && !strings.HasPrefix(line, " "):
			part = line
		case part == "Available Commands:":
			if m := helpCommand.FindStringSubmatch(line); m != nil {
				h.commands[m[1]] = true
			}
		case part == "Flags:" || part == "Global Flags:":
			if m := helpFlag.FindStringSubmatch(line); m != nil {
				h.flags[m[1]] = m[2] != ""
			}
		case part == "Usage:" && strings.HasPrefix(line, "  carillon"):
			h.arguments = max(h.arguments, argumentsOf(line, len(path)))
		}
	}
	p.help[key] = h
	return h
}

// argumentsOf counts what a usage line asks for beyond the command's path and its flags.
func argumentsOf(usage string, path int) int {
	n := 0
	words := strings.Fields(usage)[1+path:]
	for i := 0; i < len(words); i++ {
		switch {
		case strings.HasSuffix(words[i], "…]"): // As many as one likes.
			n += 100
		case strings.HasPrefix(words[i], "["):
		case strings.HasPrefix(words[i], "--"):
			i++
		default:
			n++
		}
	}
	return n
}

// check says what is wrong with a command line, whose first word is carillon; "" if nothing is.
func (p *program) check(t *testing.T, words []string) string {
	t.Helper()
	var path, arguments []string
	h := p.ask(t, nil)
	for i := 1; i < len(words); i++ {
		word := words[i]
		if name, ok := strings.CutPrefix(word, "--"); ok {
			name, _, valued := strings.Cut(name, "=")
			takes, known := h.flags[name]
			if !known {
				return "no flag --" + name
			}
			if takes && !valued {
				i++
			}
			continue
		}
		if len(h.commands) == 0 {
			arguments = append(arguments, word)
			continue
		}
		if !h.commands[word] {
			return "no command " + word
		}
		path = append(path, word)
		h = p.ask(t, path)
	}
	if len(arguments) > h.arguments {
		return "too many arguments"
	}
	return ""
}

// words splits a line of a shell as far as documentation needs it: quotes, and no more.
var word = regexp.MustCompile(`(?:'[^']*'|"(?:\\.|[^"\\])*"|[^\s'"])+`)

var (
	inline  = regexp.MustCompile("`(carillon [^`]+|make [^`]+)`")
	target  = regexp.MustCompile(`(?m)^([a-z]+):`)
	divider = regexp.MustCompile(`\s+(?:&&|\|\|?|;|&|#.*)\s*`)
)

// commandLines are the command lines of a page, in sh blocks and in `text`.
func (p *page) commandLines(t *testing.T) []string {
	t.Helper()
	var lines []string
	fenced := map[int]bool{}
	for _, b := range p.blocks(t) {
		for i := b.first; i < b.last; i++ {
			fenced[i] = true
			if b.language == "sh" {
				lines = append(lines, divider.Split(p.lines[i]+" ", -1)...)
			}
		}
	}
	for i, line := range p.lines {
		if !fenced[i] {
			for _, found := range inline.FindAllStringSubmatch(line, -1) {
				lines = append(lines, found[1])
			}
		}
	}
	return lines
}

func TestCommandsExist(t *testing.T) {
	t.Parallel()
	carillon := build(t)
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	require.NoError(t, err)
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	n := 0
	for _, p := range pages(t) {
		for _, line := range p.commandLines(t) {
			words := word.FindAllString(line, -1)
			switch {
			case len(words) > 0 && words[0] == "carillon":
				n++
				require.Empty(t, carillon.check(t, words), "%s: %s", p.name, line)
			case len(words) > 1 && words[0] == "make":
				n++
				require.True(t, targets[words[1]], "%s: %s: the Makefile has no %s", p.name, line, words[1])
			}
		}
	}
	require.Greater(t, n, 10)

	for line, want := range map[string]string{
		"carillon receipts show 1a2b":               "",
		"carillon receipts shown 1a2b":              "no command shown",
		"carillon receipts list --states sent":      "no flag --states",
		"carillon receipts list now":                "too many arguments",
		"carillon hook app.orders --emit a.b --bad": "no flag --bad",
		"carillon version --json":                   "",
	} {
		require.Equal(t, want, carillon.check(t, strings.Fields(line)), line)
	}
}
