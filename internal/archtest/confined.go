package archtest

import (
	"fmt"
	"strings"
)

// confinement keeps a third party's packages inside the few of ours that are built on them. Tests may import all.
type confinement struct {
	library string // an import path; packages below it are meant too
	in      []string
}

var testKits = []string{"transports/transporttest", "dispatch/dispatchtest"}

var confinements = []confinement{
	{"github.com/wneessen/go-mail", []string{"transports/email"}},
	{"github.com/emersion/go-msgauth", []string{"transports/email"}},
	{"github.com/emersion/go-smtp", []string{"internal/smtpsink"}},
	{"github.com/jhillyerd/enmime", []string{"internal/smtpsink"}},
	{"github.com/slack-go/slack", []string{"transports/slack"}},
	{"github.com/bwmarrin/discordgo", []string{"transports/discord"}},
	{"github.com/nicholas-fedor/shoutrrr", []string{"transports/bridge"}},
	{"github.com/nyaruka/phonenumbers", []string{"transports/sms"}},
	{"github.com/SherClockHolmes/webpush-go", []string{"transports/webpush"}},
	{"github.com/nats-io/nats.go", []string{"transports/broadcast/nats"}},
	{"github.com/nats-io/nats-server", nil},
	{"github.com/riverqueue", []string{"dispatch/worker", "transports/job", "migrations", "bench", "internal/rig"}},
	{"github.com/spf13/cobra", []string{"cmd/..."}},
	{"github.com/jedib0t/go-pretty", []string{"cmd/..."}},
	{"github.com/goccy/go-yaml", []string{"dispatch/config", "cmd/..."}},
	{"github.com/pressly/goose", []string{"migrations"}},
	{"github.com/prometheus", []string{"dispatch/telemetry", "dispatch/monitor", "cmd/..."}},
	{"go.opentelemetry.io/otel/sdk", []string{"cmd/..."}},
	{"go.opentelemetry.io/otel/exporters", []string{"cmd/..."}},
	{"github.com/stretchr/testify", testKits},
	{"pgregory.net/rapid", testKits},
	{"go.uber.org/goleak", testKits},
	{"github.com/rogpeppe/go-internal", nil},
}

// checkConfined keeps every library of the table in its place.
func checkConfined(t *Tree) []Finding {
	var found []Finding
	t.all(func(p *pkg, f *file) {
		if f.test {
			return
		}
		for _, spec := range f.ast.Imports {
			c, ok := confinementOf(importPath(spec))
			if !ok || c.allows(p.path) {
				continue
			}
			places := strings.Join(append([]string{"tests"}, c.in...), ", ")
			found = append(found, t.finding(f, spec.Pos(),
				fmt.Sprintf("%s imports %s, which is confined to %s", p.path, c.library, places),
				"call the package that owns the library, or widen the table in internal/archtest/confined.go"))
		}
	})
	return found
}

func confinementOf(importPath string) (confinement, bool) {
	for _, c := range confinements {
		if matches(c.library+"/...", importPath) {
			return c, true
		}
	}
	return confinement{}, false
}

func (c confinement) allows(pkg string) bool {
	for _, place := range c.in {
		if matches(place, pkg) {
			return true
		}
	}
	return false
}

// leanRoot is what applications import. It compiles no confined library, so an application pays only for the
// transports it chooses.
const leanRoot = "dispatch"

// checkLean follows the imports of package dispatch, through our packages and through those of others.
func checkLean(t *Tree) []Finding {
	w := leanWalk{tree: t, byPath: map[string]*pkg{}, seen: map[string]bool{}, chains: map[string][]string{}}
	for _, p := range t.packages {
		w.byPath[p.path] = p
	}
	w.ours(leanRoot, nil)
	return w.found
}

type leanWalk struct {
	tree   *Tree
	byPath map[string]*pkg
	seen   map[string]bool
	chains map[string][]string // from a package outside the module to a confined library; empty if there is no way
	found  []Finding
}

// ours walks one package of the module; chain is how it was reached.
func (w *leanWalk) ours(path string, chain []string) {
	p := w.byPath[path]
	if p == nil || w.seen[path] {
		return
	}
	w.seen[path] = true
	chain = append(chain[:len(chain):len(chain)], path)
	for _, f := range p.files {
		if f.test {
			continue
		}
		for _, spec := range f.ast.Imports {
			target := importPath(spec)
			if rel, ok := w.tree.relative(target); ok {
				w.ours(rel, chain)
				continue
			}
			if way := w.others(target); way != nil {
				w.found = append(w.found, w.tree.finding(f, spec.Pos(),
					"a program that imports only dispatch compiles "+strings.Join(append(chain, way...), " -> "),
					"move what needs the library out of dispatch's reach, behind an interface"))
			}
		}
	}
}

// others returns the way from a package outside the module to a confined library, or nil.
func (w *leanWalk) others(path string) []string {
	if way, known := w.chains[path]; known {
		return way
	}
	w.chains[path] = nil
	if _, confined := confinementOf(path); confined {
		w.chains[path] = []string{path}
		return w.chains[path]
	}
	for _, target := range w.tree.external[path] {
		if way := w.others(target); way != nil {
			w.chains[path] = append([]string{path}, way...)
			break
		}
	}
	return w.chains[path]
}
