package docs_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
)

// not parallel: with -update it writes the page that others read.
func TestTransportsAreThoseOfTheCode(t *testing.T) {
	var b strings.Builder
	fmt.Fprint(&b, "\n| transport | address | required | also sends | what |\n| --- | --- | --- | --- | --- |\n")
	for _, s := range transports.Builtin() {
		address := string(s.Address)
		switch {
		case s.Once:
			address = "once per event"
		case s.PersonOnly:
			address = "people, by id"
		case address == "":
			address = "fixed, or people by id"
		}
		required := strings.Join(s.Required, ", ")
		if len(s.RequiredOneOf) > 0 {
			required += ", one of " + strings.Join(s.RequiredOneOf, ", ")
		}
		uses := s.Uses
		if s.Files {
			uses = append(slices.Clone(uses), "files")
		}
		require.NotEmpty(t, s.Doc, "%s has no Doc", s.Name)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Name, address, strings.TrimPrefix(required, ", "), strings.Join(uses, ", "), s.Doc)
	}
	for _, s := range transports.Builtin() {
		described, err := transports.OptionsOf(s.Options)
		require.NoError(t, err)
		if len(described) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\nOptions of `%s`:\n\n| option | type | default | what |\n| --- | --- | --- | --- |\n", s.Name)
		for _, o := range described {
			kind, byDefault := o.Type, o.Default
			if len(o.OneOf) > 0 {
				kind = "one of " + strings.Join(o.OneOf, ", ")
			}
			if o.Template {
				kind += ", template"
			}
			if o.Required {
				byDefault = "required"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", o.Name, kind, byDefault, o.Doc)
		}
	}
	page := read(t, filepath.Join(root, "docs", "transports.md"))
	first, last := page.generated(t, "transports")
	page.expect(t, first, last, b.String()+"\n")
}
