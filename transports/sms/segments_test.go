package sms_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/sms"
)

func TestSegments(t *testing.T) {
	t.Parallel()
	r := strings.Repeat
	for name, c := range map[string]struct {
		text     string
		want     int
		encoding sms.Encoding
	}{
		"empty":                       {"", 1, sms.GSM7},
		"GSM alone":                   {r("a", 160), 1, sms.GSM7},
		"GSM two":                     {r("a", 161), 2, sms.GSM7},
		"GSM two full":                {r("a", 306), 2, sms.GSM7},
		"GSM three":                   {r("a", 307), 3, sms.GSM7},
		"the whole alphabet":          {"@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ ¤¡ÄÖÑÜ§¿äöñüà", 1, sms.GSM7},
		"extension counts twice":      {r("€", 80), 1, sms.GSM7},
		"extension past one":          {r("€", 81), 2, sms.GSM7},
		"an escape is not divided":    {r("a", 152) + r("€", 76), 2, sms.GSM7},
		"an escape moves on":          {r("a", 152) + r("€", 77), 3, sms.GSM7},
		"lower ç is none of GSM":      {"ç", 1, sms.UCS2},
		"UCS alone":                   {r("я", 70), 1, sms.UCS2},
		"UCS two":                     {r("я", 71), 2, sms.UCS2},
		"UCS two full":                {r("я", 134), 2, sms.UCS2},
		"UCS three":                   {r("я", 135), 3, sms.UCS2},
		"one character for all":       {r("a", 70) + "я", 2, sms.UCS2},
		"emoji counts twice":          {r("🔔", 35), 1, sms.UCS2},
		"emoji past one":              {r("🔔", 36), 2, sms.UCS2},
		"an emoji is not divided":     {r("я", 66) + r("🔔", 34), 3, sms.UCS2},
		"a backtick is none of GSM":   {"`", 1, sms.UCS2},
		"brackets are extension":      {r("[", 80), 1, sms.GSM7},
		"brackets are extension, too": {r("]", 81), 2, sms.GSM7},
	} {
		n, encoding := sms.Segments(c.text)
		require.Equal(t, c.want, n, name)
		require.Equal(t, c.encoding, encoding, name)
	}
}

func preview(t testing.TB, transport *sms.Transport, m transports.Message) string {
	t.Helper()
	body, extension, err := transport.Preview(m)
	require.NoError(t, err)
	require.Equal(t, ".txt", extension)
	return string(body)
}

func TestLongTextsAreCut(t *testing.T) {
	t.Parallel()
	transport, _ := setup(t, nil, nil)
	m := full()
	m.Content.Message = strings.Repeat("a", 1000)
	body := preview(t, transport, m)
	require.Len(t, body, 459, "three segments to the last septet")
	require.True(t, strings.HasSuffix(body, "a...\nhttps://shop.example.com/orders/A7?a=1&b=2"), body)

	m.Content.Message = strings.Repeat("я", 1000)
	body = preview(t, transport, m)
	require.Len(t, []rune(body), 201)
	require.Contains(t, body, "я…\nhttps://")

	m.Content.Message = strings.Repeat("a", 455) + "🔔"
	m.Content.ActionURL = ""
	require.Equal(t, strings.Repeat("a", 455)+"...", preview(t, transport, m), "what makes it UCS-2 is cut away")

	one := with(m, transports.SMSOptions{MaxSegments: 1})
	require.Len(t, preview(t, transport, one), 160)
	one.Content.ActionURL = "https://shop.example.com/?" + strings.Repeat("a", 160)
	_, _, err := transport.Preview(one)
	require.ErrorContains(t, err, "link alone")
	_, _, err = transport.Preview(with(m, transports.SMSOptions{TooLong: "refuse"}))
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	require.ErrorContains(t, err, "takes 7 segments (at most 3")
}

// TestWhatIsCutFits cuts any text to any number of segments.
func TestWhatIsCutFits(t *testing.T) {
	t.Parallel()
	transport, _ := setup(t, nil, nil)
	rapid.Check(t, func(rt *rapid.T) {
		m := full()
		m.Content.Message = "x" + rapid.StringOfN(rapid.RuneFrom([]rune("a b€[ç🔔я\n漢")), 0, 900, -1).Draw(rt, "text")
		limit := rapid.IntRange(1, 10).Draw(rt, "limit")
		body, _, err := transport.Preview(with(m, transports.SMSOptions{MaxSegments: limit}))
		require.NoError(rt, err)
		n, _ := sms.Segments(string(body))
		require.LessOrEqual(rt, n, limit)
		text, found := strings.CutSuffix(string(body), "\n"+m.Content.ActionURL)
		require.True(rt, found, "the link is whole")
		kept := strings.TrimSuffix(strings.TrimSuffix(text, "…"), "...")
		require.True(rt, strings.HasPrefix(m.Content.Message, kept), "the beginning of the text")
	})
}

func TestControlCharactersAreTakenOut(t *testing.T) {
	t.Parallel()
	transport, _ := setup(t, nil, nil)
	m := full()
	m.Content.Message, m.Content.ActionURL = " a\x00\x1b[2J\tb\r\nc\u0085\xff ", ""
	require.Equal(t, "a[2J b\nc\uFFFD", preview(t, transport, m))
	m.Content.Message = " \n\x00"
	_, _, err := transport.Preview(m)
	require.ErrorContains(t, err, "blank")
}
