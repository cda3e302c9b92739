package cli

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

var (
	beginning = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:?/{1,2}|^//`)
	assigned  = regexp.MustCompile(`(?i)pass(?:word|wd)?\s*[=:]\s*(.*)`)
	nextKey   = regexp.MustCompile(`\s+[a-z_]+\s*=`)
)

// Secrets lists what may be a password in a connection string, and parts of it, also where the string is not well formed:
// a slash or blank in a password that nobody encoded makes a reader take parts of it for a host, a port, or the name of a
// database, and quote them.
func Secrets(dsn string) []string {
	var found []string
	rest := beginning.ReplaceAllString(dsn, "")
	if colon := strings.IndexByte(rest, ':'); colon >= 0 {
		if at := strings.LastIndexByte(rest, '@'); at > colon {
			found = append(found, pieces(rest[colon+1:at])...)
		}
	}
	if match := assigned.FindStringSubmatch(dsn); match != nil {
		value := match[1]
		if end := nextKey.FindStringIndex(value); end != nil {
			value = value[:end[0]]
		}
		value, _, _ = strings.Cut(value, "&")
		found = append(found, pieces(strings.Trim(value, `'"`))...)
	}
	return found
}

// pieces are the forms in which a password, or what a reader takes for one of its parts, may be quoted. Numbers are left:
// they may be a port, which every message is to keep.
func pieces(password string) []string {
	all := []string{password}
	if plain, err := url.PathUnescape(password); err == nil {
		all = append(all, plain)
	}
	all = append(all, strings.FieldsFunc(password, func(r rune) bool { return strings.ContainsRune(`/?#@:&= "'`, r) })...)
	return slices.DeleteFunc(all, func(piece string) bool { return strings.Trim(piece, "0123456789") == "" })
}
