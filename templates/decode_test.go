package templates_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/carillon-notify/carillon/templates"
	"github.com/stretchr/testify/require"
)

func TestDecodeKeepsNumbers(t *testing.T) {
	t.Parallel()
	data := decode(t, `{"i": 5, "neg": -9223372036854775808, "f": 12.50, "e": 1e6, "big": 9223372036854775808, "l": [1, {"x": 2}], "s": "1"}`)
	require.Equal(t, object{
		"i": int64(5), "neg": int64(-9223372036854775808), "f": json.Number("12.50"), "e": json.Number("1e6"),
		"big": json.Number("9223372036854775808"), "l": []any{int64(1), object{"x": int64(2)}}, "s": "1",
	}, data)
	require.Equal(t, "12.50 1e6 9223372036854775808", render(t, "{{ f }} {{ e }} {{ big }}", data))
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ payload, want string }{
		"Nothing":      {"", "incomplete"},
		"Incomplete":   {`{"secret": `, "incomplete"},
		"NotJSON":      {`{"secret": secret}`, "invalid JSON at byte 12"},
		"Null":         {"null", "no JSON object"},
		"AList":        {`["secret"]`, "no JSON object"},
		"AText":        {`"secret"`, "no JSON object"},
		"TrailingData": {`{} {"secret": 1}`, "more follows"},
		"TrailingJunk": {`{} secret`, "more follows"},
		"TrailingEnd":  {`{}}`, "more follows"},
		"DeepLists":    {`{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, "nested more than 32 deep"},
		"DeepObjects":  {strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), "nested more than 32 deep"},
		"LongNumber":   {`{"a":` + strings.Repeat("1", 1001) + `}`, "a number has more than 1000 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := templates.Decode([]byte(tc.payload))
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	decode(t, strings.Repeat(`{"a":`, 32)+"1"+strings.Repeat("}", 32))
	decode(t, " {} \n")
}
