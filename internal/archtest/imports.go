package archtest

import (
	"fmt"
	"strings"
)

// layers is the import table: for each package of ours, those of ours that it may import. A key may end in "/...";
// packages below it may also import their own folder. The value "..." allows everything.
var layers = map[string][]string{
	"counters":    nil,
	"inbox":       nil,
	"migrations":  nil,
	"preferences": nil,
	"receipts":    {"transports", "internal/failpoint"},
	"templates":   nil,

	"receipts/audit": {"receipts", "transports"},

	"transports":                nil,
	"transports/classify":       {"transports"},
	"transports/email":          {"transports", "transports/classify", "transports/internal/provider", "internal/failpoint"},
	"transports/broadcast":      {"transports"},
	"transports/broadcast/nats": {"transports", "transports/broadcast"},
	"transports/job":            {"transports"},
	"transports/inapp":          {"transports", "inbox"},
	"transports/webhook": {
		"transports", "transports/classify", "transports/webhook/endpoints", "transports/webhook/signature", "internal/egress",
	},
	"transports/discord": {
		"transports", "transports/classify", "transports/internal/chat", "transports/internal/provider", "internal/egress",
	},
	"transports/slack":             {"transports", "transports/classify", "transports/internal/chat", "transports/internal/provider"},
	"transports/bridge":            {"transports"},
	"transports/sms":               {"transports", "transports/classify", "transports/internal/provider"},
	"transports/internal/chat":     {"transports", "transports/internal/provider"},
	"transports/internal/provider": {"transports/classify", "internal/egress"},
	"transports/webhook/endpoints": {"transports", "transports/webhook/signature", "internal/egress"},
	"transports/webhook/signature": nil,
	"transports/transporttest":     {"transports"},
	"transports/webpush": {
		"transports", "transports/classify", "transports/webpush/subscriptions", "internal/egress",
	},
	"transports/webpush/subscriptions": {"transports"},

	"dispatch": {
		"transports", "templates", "receipts", "dispatch/people", "dispatch/internal/registry", "dispatch/internal/sqltext",
		"internal/failpoint",
	},
	"dispatch/attachments":       {"templates", "transports"},
	"dispatch/config":            {"dispatch", "dispatch/attachments", "dispatch/delivery", "dispatch/people", "transports", "templates"},
	"dispatch/flow":              {"transports"},
	"dispatch/delivery":          {"transports"},
	"dispatch/hook":              nil,
	"dispatch/people":            {"dispatch/internal/sqltext"},
	"dispatch/internal/registry": {"dispatch/people", "receipts", "templates", "transports"},
	"dispatch/internal/sqltext":  nil,
	"dispatch/pipeline": {
		"dispatch", "dispatch/attachments", "dispatch/delivery", "dispatch/flow", "dispatch/internal/registry", "dispatch/people",
		"dispatch/telemetry", "receipts", "preferences", "inbox", "templates", "transports", "internal/failpoint",
	},
	"dispatch/monitor":   {"dispatch/telemetry", "migrations"},
	"dispatch/telemetry": {"receipts", "transports"},
	"dispatch/worker": {
		"dispatch", "dispatch/attachments", "dispatch/delivery", "dispatch/flow", "dispatch/people", "dispatch/pipeline", "dispatch/telemetry", "receipts", "migrations",
		"transports", "preferences",
	},
	"dispatch/dispatchtest": {
		"dispatch/...", "counters", "inbox", "migrations", "preferences", "receipts", "templates", "transports/...",
		"internal/dbtest", "internal/pgdev", "internal/smtpsink",
	},

	"internal/archtest":    nil,
	"internal/cli":         nil,
	"internal/dbtest":      {"internal/pgdev", "migrations"},
	"internal/docs":        nil,
	"internal/egress":      nil,
	"internal/failpoint":   nil,
	"internal/model":       {"receipts", "transports"},
	"internal/mutants":     nil,
	"internal/pgdev":       nil,
	"internal/pgdev/pgrun": {"internal/pgdev"},
	"internal/discordsink": {"internal/httpsink"},
	"internal/httpsink":    nil,
	"internal/pushsink":    {"internal/httpsink"},
	"internal/resendsink":  {"internal/httpsink"},
	"internal/slacksink":   {"internal/httpsink"},
	"internal/rig":         {"transports/...", "internal/pushsink", "internal/smtpsink"},
	"internal/smtpsink":    nil,
	"internal/twiliosink":  {"internal/httpsink"},

	"bench/...":              {"..."},
	"internal/faulttest/...": {"..."},
	"cmd/carillon/...":       {"..."},
	"examples/...":           {"dispatch", "transports", "dispatch/people", "receipts", "inbox"},
}

// checkImports compares every import of ours with the table. Tests may import anything but commands.
func checkImports(t *Tree) []Finding {
	var found []Finding
	missing := map[string]bool{}
	t.all(func(p *pkg, f *file) {
		row, listed := layerOf(p.path)
		if !listed && !missing[p.path] {
			missing[p.path] = true
			found = append(found, t.finding(f, f.ast.Name.Pos(),
				fmt.Sprintf("package %s is not in the import table", p.path),
				"add it to the table in internal/archtest/imports.go, with the fewest imports that will do"))
		}
		for _, spec := range f.ast.Imports {
			target, ours := t.relative(importPath(spec))
			if !ours || target == p.path {
				continue
			}
			switch {
			case matches("cmd/...", target) && !matches("cmd/...", p.path):
				found = append(found, t.finding(f, spec.Pos(),
					fmt.Sprintf("%s imports the command %s", p.path, target),
					"move what is shared into a package that both import"))
			case listed && !f.test && !mayImport(row, p.path, target):
				found = append(found, t.finding(f, spec.Pos(),
					fmt.Sprintf("%s may not import %s", p.path, target),
					"let the caller pass it in through an interface declared here, or move the code a layer up"))
			}
		}
	})
	return found
}

// layerOf returns the key of the table that speaks for the package.
func layerOf(pkg string) (key string, ok bool) {
	if _, ok := layers[pkg]; ok {
		return pkg, true
	}
	for key := range layers {
		if len(key) > len("...") && matches(key, pkg) {
			return key, true
		}
	}
	return "", false
}

func mayImport(row, pkg, target string) bool {
	for _, allowed := range layers[row] {
		if matches(allowed, target) {
			return true
		}
	}
	folder, wide := strings.CutSuffix(row, "...")
	if !wide || !strings.HasPrefix(pkg, folder) {
		return false
	}
	own, _, _ := strings.Cut(strings.TrimPrefix(pkg, folder), "/")
	return matches(folder+own+"/...", target)
}

// relative cuts the module's path off an import path.
func (t *Tree) relative(importPath string) (pkg string, ours bool) {
	if importPath == t.module {
		return ".", true
	}
	return strings.CutPrefix(importPath, t.module+"/")
}
