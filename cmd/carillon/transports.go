package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/transports"
)

func newTransportsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "transports",
		Short: "List the transports, what they send and which options their channels take",
		Long: `List the transports of this program: the kind of address that each needs, the content that it sends (* is required,
/ one of several is), and the options that a channel may give it, with their defaults. With --json, one line per
transport.`,
		Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			var rows []transportRow
			for _, spec := range transports.Builtin() {
				row, err := transportRowOf(spec)
				if err != nil {
					return err
				}
				rows = append(rows, row)
			}
			return printRows(a, rows, listing[transportRow]{
				header: []string{"transport", "address", "content", "options", "what"},
				cells: func(r transportRow) []any {
					return []any{r.Name, r.Address, orDash(r.content()), orDash(r.options()), r.Doc}
				},
			})
		},
	}
}

// transportRow is what `carillon transports --json` prints for each.
type transportRow struct {
	Name string `json:"name"`
	Doc  string `json:"doc"`
	// Address is email, phone, person (by id), any, or once for one message of an event.
	Address       string   `json:"address"`
	Required      []string `json:"required"`
	RequiredOneOf []string `json:"required_one_of"`
	Uses          []string `json:"uses"`
	// Files says that channels may declare attachments.
	Files   bool        `json:"files"`
	Options []optionRow `json:"options"`
}

type optionRow struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Template bool     `json:"template"`
	Required bool     `json:"required"`
	Default  string   `json:"default,omitempty"`
	OneOf    []string `json:"one_of,omitempty"`
	Doc      string   `json:"doc"`
}

func transportRowOf(spec transports.Spec) (transportRow, error) {
	row := transportRow{
		Name: spec.Name, Doc: spec.Doc, Address: string(spec.Address), Options: []optionRow{},
		Required: append([]string{}, spec.Required...), RequiredOneOf: append([]string{}, spec.RequiredOneOf...),
		Uses: append([]string{}, spec.Uses...), Files: spec.Files,
	}
	switch {
	case spec.Once:
		row.Address = "once"
	case spec.PersonOnly:
		row.Address = "person"
	case row.Address == "":
		row.Address = "any"
	}
	described, err := transports.OptionsOf(spec.Options)
	for _, o := range described {
		row.Options = append(row.Options, optionRow{
			Name: o.Name, Type: o.Type, Template: o.Template, Required: o.Required, Default: o.Default, OneOf: o.OneOf, Doc: o.Doc,
		})
	}
	return row, err
}

func (r transportRow) content() string {
	var parts []string
	for _, name := range r.Required {
		parts = append(parts, name+"*")
	}
	for _, name := range r.RequiredOneOf {
		parts = append(parts, name+"/")
	}
	parts = append(parts, r.Uses...)
	if r.Files {
		parts = append(parts, "files")
	}
	return strings.Join(parts, " ")
}

func (r transportRow) options() string {
	parts := make([]string, len(r.Options))
	for i, o := range r.Options {
		parts[i] = o.Name
		if o.Required {
			parts[i] += "*"
		}
		if o.Default != "" {
			parts[i] += "=" + o.Default
		}
	}
	return strings.Join(parts, " ")
}
