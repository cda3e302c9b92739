package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// position is a place in the file.
type position struct {
	line, column int
}

// report collects what is wrong.
type report struct {
	file  string
	found []Problem
	// causes are the paths of problems that others can follow from; fresh are those of this step, see settle.
	causes, fresh []string
	secrets       []string
}

func (r *report) add(at position, path, format string, args ...any) {
	r.aside(at, path, format, args...)
	r.fresh = append(r.fresh, path)
}

// aside adds a problem that no other one follows from.
func (r *report) aside(at position, path, format string, args ...any) {
	r.found = append(r.found, Problem{
		File: r.file, Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...),
	})
}

// settle ends a step: from here on, what it found is a cause of which later steps need not repeat the consequences.
// Within a step one place may have several problems.
func (r *report) settle() {
	r.causes = append(r.causes, r.fresh...)
	r.fresh = nil
}

// reported says whether an earlier step found a problem at path or below it.
func (r *report) reported(path string) bool {
	return slices.ContainsFunc(r.causes, func(cause string) bool { return within(cause, path) })
}

// covered says whether an earlier step found a problem at path or above it.
func (r *report) covered(path string) bool {
	return slices.ContainsFunc(r.causes, func(cause string) bool { return cause != "" && within(path, cause) })
}

// within says whether path is the place above, or below it.
func within(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || above == "" || rest[0] == '.' || rest[0] == '[')
}

// minSecret keeps a credential of a few characters from blotting out words that merely contain them.
const minSecret = 4

// hide keeps a credential, and the password in it if it is a URL, out of every message.
func (r *report) hide(secret string) {
	parts := []string{secret}
	if _, rest, ok := strings.Cut(secret, "://"); ok {
		authority, _, _ := strings.Cut(rest, "/")
		if at := strings.LastIndexByte(rest, '@'); at > len(authority) {
			// An unescaped slash in the password: the user information goes on to the last @.
			authority = rest[:at+1]
		}
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			_, password, _ := strings.Cut(authority[:at], ":")
			parts = append(parts, authority[:at], password)
			if plain, err := url.PathUnescape(password); err == nil {
				parts = append(parts, plain)
			}
		}
	}
	for _, part := range parts {
		if utf8.RuneCountInString(part) >= minSecret {
			r.secrets = append(r.secrets, part)
		}
	}
}

// problems returns everything in the order of the file, without credentials, each only once; nil if there is nothing.
func (r *report) problems() error {
	if len(r.found) == 0 {
		return nil
	}
	// The longest first, so that no part of a credential is left standing.
	slices.SortFunc(r.secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	all := make(Problems, len(r.found))
	for i, p := range r.found {
		for _, secret := range r.secrets {
			p.Message = strings.ReplaceAll(p.Message, secret, "[redacted]")
		}
		all[i] = p
	}
	slices.SortStableFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(all)
}
