package templates

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// inStyle finds the references of a style sheet or attribute.
var inStyle = regexp.MustCompile(`(?i)url\(\s*["']?\s*cid:([^"')\s]+)`)

// InlineIDs lists the content ids that markup refers to as cid:ID (RFC 2392), in an attribute or a style, each once and
// in its order. Text that merely reads like that is none.
func InlineIDs(markup string) []string {
	if !strings.Contains(strings.ToLower(markup), "cid:") && !strings.Contains(markup, "&") {
		return nil
	}
	var ids []string
	add := func(id string) {
		if plain, err := url.PathUnescape(id); err == nil {
			id = plain
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	tokens := html.NewTokenizer(strings.NewReader(markup))
	style := false
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			return ids
		}
		token := tokens.Token()
		if kind == html.TextToken && style {
			for _, found := range inStyle.FindAllStringSubmatch(token.Data, -1) {
				add(found[1])
			}
		}
		style = kind == html.StartTagToken && token.Data == "style"
		for _, a := range token.Attr {
			if a.Key == "style" {
				for _, found := range inStyle.FindAllStringSubmatch(a.Val, -1) {
					add(found[1])
				}
				continue
			}
			for _, part := range candidates(a) {
				if len(part) > 4 && strings.EqualFold(part[:4], "cid:") {
					add(part[4:])
				}
			}
		}
	}
}

// candidates are the addresses that an attribute may hold; srcset has several.
func candidates(a html.Attribute) []string {
	if a.Key != "srcset" {
		return []string{strings.TrimSpace(a.Val)}
	}
	var all []string
	for part := range strings.SplitSeq(a.Val, ",") {
		if fields := strings.Fields(part); len(fields) > 0 {
			all = append(all, fields[0])
		}
	}
	return all
}
