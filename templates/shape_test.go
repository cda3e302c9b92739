package templates_test

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
)

type base struct {
	ID      string `json:"id"`
	Hidden  string `json:"-"`
	Clash   string `json:"clash"`
	private string
}

type other struct {
	Clash string `json:"clash"`
}

type deep struct {
	Depth string `json:"name"` // Loses to the field of order.
	Deep  string `json:"deep"`
}

type order struct {
	base
	*other
	*deep
	Named    base               `json:"named"`
	Name     string             `json:"name"`
	NoName   string             `json:",omitempty"`
	Maybe    string             `json:"maybe,omitempty"`
	Struct   base               `json:"struct,omitempty"`
	Zero     time.Time          `json:"zero,omitzero"`
	Quoted   int                `json:"quoted,string"`
	When     *time.Time         `json:"when"`
	Address  netip.Addr         `json:"address"`
	Raw      json.RawMessage    `json:"raw"`
	Any      any                `json:"any"`
	Bytes    []byte             `json:"bytes"`
	Items    []*item            `json:"items"`
	Pair     [2]item            `json:"pair"`
	Prices   map[string]float64 `json:"prices"`
	ByNumber map[int]item       `json:"by_number"`
	Parent   *order             `json:"parent"`
	Tree     tree               `json:"tree"`
}

type item struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

type tree []tree

func TestShapeOfType(t *testing.T) {
	t.Parallel()
	shape, errs := templates.ShapeOfType(reflect.TypeFor[*order]())
	require.Empty(t, errs)
	require.Equal(t, []string{
		"NoName", "address", "any", "by_number", "bytes", "deep", "id", "items", "maybe", "name", "named", "pair", "parent",
		"prices", "quoted", "raw", "struct", "tree", "when", "zero",
	}, shape.Fields())

	offered := []string{
		"id", "named.id", "named.clash", "when", "zero", "quoted", "bytes", "items", "items[]", "items[].name", "items[].tags[]",
		"pair[].name", "prices.bell", "prices[]", "by_number.7.name", "by_number[].name", "any.thing[].goes", "raw.too", "address",
		"parent.parent.parent.items[].name", "tree[][][]", "parent[].x",
	}
	require.Empty(t, shape.Missing(required(offered...)))
	absent := []string{
		"nope", "Hidden", "private", "clash", "id.x", "id[]", "items.name", "items[].nope", "items[].tags[].x", "when.Year",
		"prices.bell.x", "named.nope", "tree.x", "bytes[]", "address.x",
	}
	require.Equal(t, absent, shape.Missing(required(absent...)))
	require.Empty(t, shape.Missing([]templates.Variable{{Path: "nope", Optional: true}}))
	require.Equal(t, []string{"NoName", "deep", "maybe", "zero"}, shape.Uncertain(required("NoName", "deep", "id", "maybe", "nope", "struct", "zero")))
	require.Empty(t, shape.Uncertain([]templates.Variable{{Path: "maybe", Optional: true}}))
}

// What the shape lists is what encoding/json writes.
func TestShapeOfTypeAgreesWithJSON(t *testing.T) {
	t.Parallel()
	now := time.Now()
	payload, err := json.Marshal(order{
		deep: &deep{}, Maybe: "x", NoName: "x", Zero: now, When: &now, Raw: json.RawMessage("1"), base: base{private: "x"},
	})
	require.NoError(t, err)
	shape, _ := templates.ShapeOfType(reflect.TypeFor[order]())
	require.Equal(t, templates.ShapeOfValue(decode(t, string(payload))).Fields(), shape.Fields())
}

func TestShapeOfTypeErrors(t *testing.T) {
	t.Parallel()
	type inner struct{ Total int }
	type bad struct {
		Untagged string
		Inner    inner             `json:"inner"`
		Func     func()            `json:"func"`
		Chans    []chan int        `json:"chans"`
		Keys     map[float64]int   `json:"keys"`
		Fine     map[string]string `json:"fine"`
	}
	shape, errs := templates.ShapeOfType(reflect.TypeFor[bad]())
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	require.ElementsMatch(t, []string{
		`field templates_test.bad.Untagged has no json tag (fields without a json tag are refused; use json:"-" to leave it out)`,
		`field templates_test.inner.Total has no json tag (fields without a json tag are refused; use json:"-" to leave it out)`,
		`field templates_test.bad.Func is a func, which JSON cannot hold`,
		`field templates_test.bad.Chans is a chan, which JSON cannot hold`,
		`field templates_test.bad.Keys has keys of type float64, which JSON cannot hold`,
	}, texts)
	require.Equal(t, []string{"chans", "fine", "func", "inner", "keys"}, shape.Fields())

	for _, typ := range []reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[[]item](), reflect.TypeFor[time.Time]()} {
		_, errs := templates.ShapeOfType(typ)
		require.Len(t, errs, 1)
		require.ErrorContains(t, errs[0], "is no JSON object")
	}
	for _, typ := range []reflect.Type{nil, reflect.TypeFor[any](), reflect.TypeFor[json.RawMessage](), reflect.TypeFor[map[string]any]()} {
		shape, errs := templates.ShapeOfType(typ)
		require.Empty(t, errs)
		require.Empty(t, shape.Missing(required("any.thing")))
	}
}

func TestShapeOfValue(t *testing.T) {
	t.Parallel()
	shape := templates.ShapeOfValue(object{
		"number": "A7", "null": nil, "none": []any{}, "recipient": object{"name": "Ada"}, "labels": map[string]string{"a": "b"},
		"items": []any{object{"name": "Bell", "size": 1}, object{"name": "Rope", "price": 2}}, "mixed": []any{1, object{"a": 1}},
		"when": time.Now(), "typed": &item{}, "rows": []any{[]any{object{"x": 1}}, []any{}},
	})
	offered := []string{
		"number", "null.any[].thing", "none[].any", "recipient.name", "labels.a", "items[].name", "items[].size", "mixed[].b", "when",
		"typed.tags[]", "rows[][].y",
	}
	require.Empty(t, shape.Missing(required(offered...)))
	absent := []string{"nope", "recipient.nope", "recipient[].x.", "labels.b", "items[].nope", "number.x", "when.x", "typed.x"}
	require.Equal(t, []string{"nope", "recipient.nope", "labels.b", "items[].nope", "number.x", "when.x", "typed.x"}, shape.Missing(required(absent...)))
	require.Equal(t, []string{"items[].price", "items[].size"}, shape.Uncertain(required("items[].name", "items[].price", "items[].size")))
	require.Equal(t, []string{"number"}, shape.Shadowed())
}

func TestShapeOfValueEndsForRings(t *testing.T) {
	t.Parallel()
	ring := object{}
	ring["self"] = ring
	require.Equal(t, []string{"self"}, templates.ShapeOfValue(ring).Fields())
	var pointer any
	pointer = &pointer
	require.Empty(t, templates.ShapeOfValue(pointer).Fields())
}

func TestShapeMerge(t *testing.T) {
	t.Parallel()
	a := templates.ShapeOfValue(object{"order": object{"id": 1}, "recipient": "x"})
	b := templates.ShapeOfValue(object{"recipient": object{"name": "x"}, "actor": "x", "order": 1})
	merged, collisions := a.Merge(b)
	require.Equal(t, []string{"order", "recipient"}, collisions)
	require.Equal(t, []string{"actor", "order", "recipient"}, merged.Fields())
	require.Equal(t, []string{"recipient.name"}, merged.Missing(required("actor", "order.id", "recipient.name")))
	require.Equal(t, []string{"order", "recipient"}, a.Fields())

	open, _ := templates.ShapeOfType(reflect.TypeFor[any]())
	for _, pair := range [][2]*templates.Shape{{a, open}, {open, a}} {
		merged, collisions := pair[0].Merge(pair[1])
		require.Empty(t, collisions)
		require.Empty(t, merged.Missing(required("any.thing", "order.id")))
		require.Equal(t, []string{"order.nope"}, merged.Missing(required("order.nope")))
	}
}

func TestShapeShadowed(t *testing.T) {
	t.Parallel()
	shape := templates.ShapeOfValue(object{"date": 1, "end": 1, "html": 1, "name": 1, "recipient": object{"len": 1}})
	require.Equal(t, []string{"date", "end"}, shape.Shadowed())
}

func required(paths ...string) []templates.Variable {
	var vars []templates.Variable
	for _, path := range paths {
		vars = append(vars, templates.Variable{Path: path})
	}
	return vars
}
