package templates_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/templates"
)

func TestInlineIDs(t *testing.T) {
	t.Parallel()
	for markup, want := range map[string][]string{
		"":                                   nil,
		"<p>cid:text is no reference</p>":    nil,
		`<img src="cid:a">`:                  {"a"},
		`<IMG SRC='CID:a@b'>`:                {"a@b"},
		`<img src=" cid:a%40b ">`:            {"a@b"},
		`<img src="c&#105;d:a">`:             {"a"},
		`<img src="cid:a"><img src="cid:a">`: {"a"},
		`<td background="cid:bg" style="background:url(cid:x)">`:            {"bg", "x"},
		`<img srcset="cid:one 1x, cid:two 2x" src=cid:three>`:               {"one", "two", "three"},
		`<style>p { background: url( "cid:s" ) }</style><p>url(cid:no)</p>`: {"s"},
		`<!-- <img src="cid:no"> --><a href="https://example.com/cid:no">`:  nil,
		`<img src="cid:a`: nil,
	} {
		require.Equal(t, want, templates.InlineIDs(markup), markup)
	}
}
