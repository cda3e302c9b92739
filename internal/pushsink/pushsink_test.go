package pushsink_test

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/pushsink"
)

func raw(t *testing.T, text string) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	require.NoError(t, err)
	return decoded
}

// The example of https://www.rfc-editor.org/rfc/rfc8291#appendix-A
const (
	receiverPrivate = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
	receiverPublic  = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
	sharedSecret    = "BTBZMqHH6r4Tts7J_aSIgg"
	encrypted       = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)

func TestABrowserReadsThePublishedExample(t *testing.T) {
	t.Parallel()
	browser, err := pushsink.BrowserOf(raw(t, receiverPrivate), raw(t, sharedSecret))
	require.NoError(t, err)
	require.Equal(t, raw(t, receiverPublic), browser.Public())
	plain, err := browser.Decrypt(raw(t, encrypted))
	require.NoError(t, err)
	require.Equal(t, "When I grow up, I want to be a watermelon", string(plain))
}

func TestABrowserReadsNothingElse(t *testing.T) {
	t.Parallel()
	browser, err := pushsink.BrowserOf(raw(t, receiverPrivate), raw(t, sharedSecret))
	require.NoError(t, err)
	body := raw(t, encrypted)
	for i := range body {
		changed := append([]byte(nil), body...)
		changed[i] ^= 1
		if i >= 16 && i < 20 { // the record size, which may be larger
			continue
		}
		_, err := browser.Decrypt(changed)
		require.Error(t, err, "byte %d", i)
	}
	for n := range body {
		_, err := browser.Decrypt(body[:n])
		require.Error(t, err, "%d bytes", n)
	}
	other, err := pushsink.NewBrowser()
	require.NoError(t, err)
	_, err = other.Decrypt(body)
	require.Error(t, err)
}
