package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
)

// key is one line of the reference.
type key struct {
	path, kind, meaning string
}

// meanings say what comments in the code do not, or say it in words of Go.
var meanings = map[string]string{
	"worker.grace": "How long sends may finish after the worker is told to stop. Defaults to 10 s.",
	"transports.email.helo": "The name by which we greet the server. Defaults to this machine's name, or the domain of from " +
		"if that has no dot.",
	"delivery.mode":       "live, redirect or capture. Required in the section, so that nobody reaches real people by forgetting it.",
	"delivery.redirect.*": "The address of the transport that takes the place of every other, in mode redirect.",
	"delivery.allow.*[]":  "What is delivered to as it is: whole addresses, the domains of email addresses, the hosts of URLs.",
	"database_url": "The database, as a URL or as words of libpq. The flag `--database-url` and the variable `DATABASE_URL` " +
		"go before it.",
	"public_url": "Where the application is reached, for links: templates read it as `{{ public_url }}`. Defaults to empty.",
	"people.sql": "Finds people: `$1` is the array of ids as text, `$2`, where used, the tenant. Columns are id, name, email, " +
		"phone, locale, timezone; only id is required. Defaults to the table that `carillon people set` writes.",
	"audiences.*.field": "The field of the event's data that holds a person's id, or a list of them; dots lead into objects. " +
		"An audience has one of field, sql, fixed and endpoints.",
	"audiences.*.sql":            "A query whose first column has the ids. `$1::jsonb` is the event's data, `$2`, where used, the tenant.",
	"audiences.*.fixed.*":        "An address per transport, such as `email: ops@example.com`, for what reaches no person.",
	"categories.*.name":          "What people read. Defaults to the category's key.",
	"events.*.category":          "One of categories. Defaults to none, which only a choice for everything touches.",
	"events.*.notification_type": "info, success, warning or error. Defaults to info.",
	"events.*.priority":          "critical, default or bulk; each has lanes of its own. Defaults to default.",
	"events.*.sample": "An example of the event's data. It declares what templates may read, and every template is rendered " +
		"with it when the file is loaded.",
	"events.*.channels[].transport": "One of transports, or in_app: see [Transports](transports.md).",
	"events.*.channels[].audience":  "One of audiences. A transport that makes one message of an event can do without.",
	"events.*.channels[].options": "What the transport takes beyond the content, with keys of its own: see [Transports](transports.md). " +
		"Texts may be templates.",
	"events.*.channels[].policy":     "skip_if_read skips who has read the in-app notification of the same event. Defaults to none.",
	"events.*.channels[].on_unknown": "resend, park or probe: what becomes of a message whose answer was lost. Defaults to the transport's own, mostly resend.",
}

// sources are the files with the structs of carillon.yaml, and those whose fields say more about the same key.
var (
	sources = map[string]string{
		"document": "dispatch/config/document.go", "people": "dispatch/config/document.go",
		"audience": "dispatch/config/document.go", "category": "dispatch/config/document.go",
		"event": "dispatch/config/document.go", "channel": "dispatch/config/document.go",
		"Worker": "dispatch/config/worker.go", "Retry": "dispatch/config/worker.go",
		"Content": "transports/content.go", "email.Config": "transports/email/config.go",
		"DKIM":               "transports/email/dkim.go",
		"discord.Config":     "transports/discord/config.go",
		"slack.Config":       "transports/slack/config.go",
		"email.ResendConfig": "transports/email/resend.go",
		"bridge.Config":      "transports/bridge/config.go",
		"sms.Config":         "transports/sms/config.go", "sms.TwilioConfig": "transports/sms/twilio.go", "sms.HTTPConfig": "transports/sms/http.go",
		"webhook.Config": "transports/webhook/config.go",
		"webpush.Config": "transports/webpush/config.go",
		"dispatch.Event": "dispatch/resource.go", "dispatch.Channel": "dispatch/resource.go",
		"dispatch.Category": "dispatch/dispatcher.go",
		"nats.Config":       "transports/broadcast/nats/nats.go", "job.Config": "transports/job/job.go",
		"delivery.Config": "dispatch/delivery/delivery.go", "attachments.Config": "dispatch/attachments/config.go",
		"Attachment":    "transports/file.go",
		"worker.Config": "dispatch/worker/config.go", "flow.RetryPolicy": "dispatch/flow/retry.go",
	}
	better = map[string]string{
		"event": "dispatch.Event", "channel": "dispatch.Channel", "category": "dispatch.Category",
		"Worker": "worker.Config", "Retry": "flow.RetryPolicy",
	}
)

// not parallel: with -update it writes the page that others read.
func TestReferenceIsThatOfTheCode(t *testing.T) {
	keys := walk(t, "document", "")
	var paths []string
	for _, k := range keys {
		require.NotEmpty(t, k.meaning, "nothing says what %s means", k.path)
		paths = append(paths, k.path)
	}
	require.ElementsMatch(t, config.Keys(builders()...), paths)
	for path := range meanings {
		require.Contains(t, paths, path)
	}
	var b strings.Builder
	part := ""
	for _, k := range keys {
		if head, _, _ := strings.Cut(k.path, "."); head != part && (part == "" || strings.Contains(k.path, ".")) {
			fmt.Fprintf(&b, "\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n")
			part = head
		}
		meaning, byDefault := k.split()
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.path, k.kind, byDefault, meaning)
	}
	page := read(t, filepath.Join(root, "docs", "configuration.md"))
	first, last := page.generated(t, "keys")
	page.expect(t, first, last, b.String()+"\n")
}

var defaults = regexp.MustCompile(`(?: |^)Defaults to ((?:[^.;]|\.\S)+)(?:\.|; (at (?:most|least) [^.]+)\.|; (.+)$)`)

// split takes the default out of the meaning.
func (k key) split() (meaning, byDefault string) {
	m := defaults.FindStringSubmatch(k.meaning)
	if m == nil {
		return k.meaning, ""
	}
	meaning = strings.TrimSpace(strings.Replace(k.meaning, m[0], "", 1))
	for _, rest := range m[2:] {
		if rest != "" {
			meaning += " " + strings.ToUpper(rest[:1]) + strings.TrimSuffix(rest[1:], ".") + "."
		}
	}
	return meaning, m[1]
}

func walk(t *testing.T, name, path string) []key {
	t.Helper()
	var keys []key
	for _, f := range fieldsOf(t, name) {
		tag := ""
		if f.Tag != nil {
			raw, err := strconv.Unquote(f.Tag.Value)
			require.NoError(t, err)
			tag, _, _ = strings.Cut(reflect.StructTag(raw).Get("yaml"), ",")
		}
		if tag == "" || tag == "-" {
			continue
		}
		here := strings.TrimPrefix(path+"."+tag, ".")
		keys = append(keys, value(t, name, f, tag, here, f.Type)...)
	}
	return keys
}

// value is the key, or the keys below it, of a field.
func value(t *testing.T, owner string, f *ast.Field, tag, path string, e ast.Expr) []key {
	t.Helper()
	kinds := map[string]string{
		"string": "text", "Mode": "text", "int": "number", "bool": "true or false", "Secret": "text, secret", "Duration": "duration", "Data": "object",
		"Limit": "rate", "any": "any value",
	}
	switch e := e.(type) {
	case *ast.MapType:
		return value(t, owner, f, tag, path+".*", e.Value)
	case *ast.ArrayType:
		return value(t, owner, f, tag, path+"[]", e.Elt)
	case *ast.StarExpr:
		if tag == "options" {
			return []key{{path, "object", meaning(t, owner, f, tag, path)}}
		}
		// The sections of the transports are those of their builders.
		switch tag {
		case "nats":
			return walk(t, "nats.Config", path)
		case "resend":
			return walk(t, "email.ResendConfig", path)
		case "twilio":
			return walk(t, "sms.TwilioConfig", path)
		case "http":
			return walk(t, "sms.HTTPConfig", path)
		case "delivery", "attachments":
			return walk(t, tag+".Config", path)
		}
		return slices.Concat(
			value(t, owner, f, "nats", "transports.broadcast.nats", e), walk(t, "email.Config", "transports.email"), walk(t, "slack.Config", "transports.slack"),
			walk(t, "discord.Config", "transports.discord"), walk(t, "job.Config", "transports.job"), walk(t, "webhook.Config", "transports.webhook"),
			walk(t, "sms.Config", "transports.sms"), walk(t, "bridge.Config", "transports.bridge"),
			walk(t, "webpush.Config", "transports.web_push"),
		)
	case *ast.SelectorExpr:
		return value(t, owner, f, tag, path, e.Sel)
	case *ast.Ident:
		if kind := kinds[e.Name]; kind != "" {
			return []key{{path, kind, meaning(t, owner, f, tag, path)}}
		}
		keys := walk(t, e.Name, path)
		if e.Name == "Content" && path != "events.*.content" {
			for i := range keys {
				keys[i].meaning = "As in events.*.content."
			}
		}
		return keys
	}
	t.Fatalf("%s: what is %T", path, e)
	return nil
}

var (
	links = regexp.MustCompile(`\[([\w.]+)\]`)
	space = regexp.MustCompile(`\s+`)
)

func meaning(t *testing.T, owner string, f *ast.Field, tag, path string) string {
	t.Helper()
	if said := meanings[path]; said != "" {
		return said
	}
	name, comment := f.Names[0].Name, f.Doc.Text()
	if other := better[owner]; other != "" {
		for _, same := range fieldsOf(t, other) {
			if len(same.Names) == 1 && same.Names[0].Name == name {
				comment = join(same.Doc.Text(), comment)
			}
		}
	}
	comment = strings.TrimSpace(space.ReplaceAllString(links.ReplaceAllString(comment, "$1"), " "))
	if rest, ok := strings.CutPrefix(comment, name+" "); ok {
		return "`" + tag + "` " + rest
	}
	return comment
}

var bound = regexp.MustCompile(`at (?:most|least) [^.;]+`)

// join prefers the longer of two comments, with the bound that only the other one has.
func join(a, b string) string {
	if len(a) < len(b) {
		a, b = b, a
	}
	if own := bound.FindString(b); own != "" && !bound.MatchString(a) {
		a = strings.TrimSpace(a) + " " + strings.ToUpper(own[:1]) + own[1:] + "."
	}
	return a
}

func fieldsOf(t *testing.T, name string) []*ast.Field {
	t.Helper()
	require.Contains(t, sources, name, "say in which file the struct is")
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(sources[name])), nil,
		parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	bare := name[strings.LastIndexByte(name, '.')+1:]
	for _, d := range file.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		i := slices.IndexFunc(gen.Specs, func(s ast.Spec) bool {
			ts, ok := s.(*ast.TypeSpec)
			return ok && ts.Name.Name == bare
		})
		if i < 0 {
			continue
		}
		s := gen.Specs[i].(*ast.TypeSpec).Type
		if index, ok := s.(*ast.StructType); ok {
			return index.Fields.List
		}
	}
	t.Fatalf("%s has no struct %s", sources[name], bare)
	return nil
}
