package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	notInID  = regexp.MustCompile(`[^a-z0-9 _-]`)
	anInline = regexp.MustCompile("`[^`]*`")
)

func TestLinksResolve(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		fenced := false
		for i, line := range p.lines {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
			}
			if fenced {
				continue
			}
			for _, found := range link.FindAllStringSubmatch(anInline.ReplaceAllString(line, ""), -1) {
				if strings.Contains(found[1], "://") {
					continue
				}
				file, fragment, _ := strings.Cut(found[1], "#")
				target := filepath.Join(root, filepath.Dir(p.name), file)
				if file == "" {
					target = filepath.Join(root, p.name)
				}
				_, err := os.Stat(target)
				require.NoError(t, err, "%s:%d links to %s", p.name, i+1, found[1])
				if fragment != "" {
					require.Contains(t, anchors(read(t, target)), fragment, "%s:%d links to %s", p.name, i+1, found[1])
				}
			}
		}
	}
}

// anchors are the ids that GitHub gives to headings.
func anchors(p *page) []string {
	var ids []string
	for _, line := range p.lines {
		if strings.HasPrefix(line, "#") {
			heading := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
			ids = append(ids, strings.ReplaceAll(notInID.ReplaceAllString(heading, ""), " ", "-"))
		}
	}
	return ids
}
