package templates_test

import (
	"testing"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
)

// object is short for the data of a template.
type object = map[string]any

func parse(t *testing.T, source string, kind templates.Kind) *templates.Template {
	t.Helper()
	tmpl, err := templates.Parse("test", source, kind)
	require.NoError(t, err, source)
	return tmpl
}

func render(t *testing.T, source string, data object) string {
	t.Helper()
	out, err := parse(t, source, templates.Text).Execute(data)
	require.NoError(t, err, source)
	return out
}

func decode(t *testing.T, payload string) object {
	t.Helper()
	data, err := templates.Decode([]byte(payload))
	require.NoError(t, err)
	return data
}
