package signature_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports/webhook/signature"
)

// The vector that the libraries of Standard Webhooks publish in their tests.
const (
	vectorKey       = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

// pair is a test pair of RFC 8032, section 7.1.
const (
	pairSeed   = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
	pairPublic = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
)

func key(t testing.TB, text string) signature.Key {
	t.Helper()
	k, err := signature.ParseKey(text)
	require.NoError(t, err)
	return k
}

func at(seconds int64) *signature.VerifyOpts {
	return &signature.VerifyOpts{NowFunc: func() time.Time { return time.Unix(vectorTime+seconds, 0) }}
}

func headers(id string, unix int64, list string) http.Header {
	h := http.Header{}
	h.Set(signature.HeaderID, id)
	h.Set(signature.HeaderTimestamp, strconv.FormatInt(unix, 10))
	h.Set(signature.HeaderSignature, list)
	return h
}

func TestThePublishedVector(t *testing.T) {
	t.Parallel()
	k := key(t, vectorKey)
	made, err := signature.Sign(vectorID, time.Unix(vectorTime, 0), []byte(vectorBody), k)
	require.NoError(t, err)
	require.Equal(t, vectorSignature, made)
	got, err := signature.Verify(headers(vectorID, vectorTime, vectorSignature), []byte(vectorBody), []signature.Key{k}, at(0))
	require.NoError(t, err)
	require.Equal(t, &signature.Webhook{ID: vectorID, SentAt: time.Unix(vectorTime, 0).UTC(), Body: []byte(vectorBody)}, got)
}

func TestAPublicKeyVerifiesWhatItsSecretSigned(t *testing.T) {
	t.Parallel()
	secret, public := key(t, "whsk_"+pairSeed), key(t, pairPublic)
	require.Equal(t, pairPublic, secret.Public())
	require.Equal(t, secret, key(t, secret.Reveal()), "the long form is the same key")
	made, err := signature.Sign(vectorID, time.Unix(vectorTime, 0), []byte(vectorBody), secret)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(made, "v1a,"))
	_, err = signature.Verify(headers(vectorID, vectorTime, made), []byte(vectorBody), []signature.Key{public}, at(0))
	require.NoError(t, err)
	_, err = signature.Sign(vectorID, time.Unix(vectorTime, 0), nil, public)
	require.ErrorIs(t, err, signature.ErrKey, "a public key cannot sign")
}

func TestRotation(t *testing.T) {
	t.Parallel()
	older, newer, stranger := key(t, vectorKey), key(t, "whsk_"+pairSeed), key(t, "whsec_"+strings.Repeat("QUFB", 8))
	list, err := signature.Sign(vectorID, time.Unix(vectorTime, 0), []byte(vectorBody), newer, older)
	require.NoError(t, err)
	require.Len(t, strings.Split(list, " "), 2)
	h := headers(vectorID, vectorTime, "v2,AAAA v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= "+list)
	for _, keys := range [][]signature.Key{{older}, {newer}, {stranger, older}, {newer, stranger}} {
		_, err := signature.Verify(h, []byte(vectorBody), keys, at(0))
		require.NoError(t, err)
	}
	_, err = signature.Verify(h, []byte(vectorBody), []signature.Key{stranger}, at(0))
	require.ErrorIs(t, err, signature.ErrSignature)
}

func TestToleranceBothWays(t *testing.T) {
	t.Parallel()
	keys := []signature.Key{key(t, vectorKey)}
	h := headers(vectorID, vectorTime, vectorSignature)
	for seconds, want := range map[int64]error{-301: signature.ErrTime, -300: nil, 300: nil, 301: signature.ErrTime, 1 << 40: signature.ErrTime} {
		_, err := signature.Verify(h, []byte(vectorBody), keys, at(seconds))
		require.ErrorIs(t, err, want, "%d seconds later", seconds)
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	good := func() http.Header { return headers(vectorID, vectorTime, vectorSignature) }
	keys := []signature.Key{key(t, vectorKey)}
	set := func(name, value string) http.Header {
		h := good()
		h.Set(name, value)
		return h
	}
	without := func(name string) http.Header {
		h := good()
		h.Del(name)
		return h
	}
	twice := good()
	twice.Add(signature.HeaderID, "msg_other")
	for _, c := range []struct {
		name   string
		header http.Header
		keys   []signature.Key
		want   error
	}{
		{"NoID", without(signature.HeaderID), keys, signature.ErrHeaders},
		{"NoTimestamp", without(signature.HeaderTimestamp), keys, signature.ErrHeaders},
		{"NoSignature", without(signature.HeaderSignature), keys, signature.ErrHeaders},
		{"TwoIDs", twice, keys, signature.ErrHeaders},
		{"AnIDWithADot", set(signature.HeaderID, vectorID+".1614265330"), keys, signature.ErrHeaders},
		{"ATimeWithASign", set(signature.HeaderTimestamp, "+1614265330"), keys, signature.ErrHeaders},
		{"ATimeWithZeros", set(signature.HeaderTimestamp, "01614265330"), keys, signature.ErrHeaders},
		{"NoTime", set(signature.HeaderTimestamp, "now"), keys, signature.ErrHeaders},
		{"NoVersion", set(signature.HeaderSignature, vectorSignature[3:]), keys, signature.ErrSignature},
		{"AnEmptySignature", set(signature.HeaderSignature, "v1,"), keys, signature.ErrSignature},
		{"AnotherVersion", set(signature.HeaderSignature, "v1a"+vectorSignature[2:]), keys, signature.ErrSignature},
		{"ALooseSpelling", set(signature.HeaderSignature, strings.TrimRight(vectorSignature, "=")), keys, signature.ErrSignature},
		{"NoKeys", good(), nil, signature.ErrKey},
		{"AnEmptyKey", good(), []signature.Key{{}}, signature.ErrKey},
		{"TooManySignatures", set(signature.HeaderSignature, strings.Repeat("v1,AAAA ", 32)+vectorSignature), keys, signature.ErrSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := signature.Verify(c.header, []byte(vectorBody), c.keys, at(0))
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	for _, k := range []signature.Key{key(t, vectorKey), key(t, "whsk_"+pairSeed)} {
		list, err := signature.Sign(vectorID, time.Unix(vectorTime, 0), []byte(vectorBody), k)
		require.NoError(t, err)
		stamp := strconv.Itoa(vectorTime)
		for part, text := range [][]byte{[]byte(vectorID), []byte(stamp), []byte(list), []byte(vectorBody)} {
			for i := range text {
				for bit := range 8 {
					changed := slices.Clone(text)
					changed[i] ^= 1 << bit
					parts := []string{vectorID, stamp, list, vectorBody}
					parts[part] = string(changed)
					h := http.Header{}
					for j, name := range []string{signature.HeaderID, signature.HeaderTimestamp, signature.HeaderSignature} {
						h.Set(name, parts[j])
					}
					opts := at(0)
					opts.Tolerance = 1 << 60
					_, err := signature.Verify(h, []byte(parts[3]), []signature.Key{k}, opts)
					require.Error(t, err, "bit %d of byte %d of part %d", bit, i, part)
				}
			}
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	encode := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, text := range []string{
		"", "whsec_", "whsec_" + encode(23), "whsec_" + encode(65), "whsec_!", "whsk_" + encode(31), "whsk_" + encode(64),
		"whpk_" + encode(33), encode(32), "sk_" + encode(32),
	} {
		_, err := signature.ParseKey(text)
		require.ErrorIs(t, err, signature.ErrKey, "%q", text)
		if len(text) > 8 {
			require.NotContains(t, err.Error(), text[6:])
		}
	}
	for _, n := range []int{24, 64} {
		key(t, "whsec_"+encode(n))
	}
	for _, scheme := range []signature.Scheme{signature.HMAC, signature.Ed25519} {
		k, err := signature.NewKey(scheme)
		require.NoError(t, err)
		other, err := signature.NewKey(scheme)
		require.NoError(t, err)
		require.NotEqual(t, k.Reveal(), other.Reveal())
		require.Equal(t, k, key(t, k.Reveal()))
		encoded, err := json.Marshal(k)
		require.NoError(t, err)
		for _, printed := range []string{fmt.Sprint(k), fmt.Sprintf("%+v", k), fmt.Sprintf("%#v", k), string(encoded), k.LogValue().String()} {
			require.NotContains(t, printed, k.Reveal()[6:20])
		}
	}
	_, err := signature.NewKey("rsa")
	require.ErrorIs(t, err, signature.ErrKey)
	for _, id := range []string{"", "a.b", "a b", "a\n", strings.Repeat("a", 256)} {
		_, err := signature.Sign(id, time.Now(), nil, key(t, vectorKey))
		require.ErrorIs(t, err, signature.ErrHeaders)
	}
}

func TestReceiveReadsNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	request := func(n int) *http.Request {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(strings.Repeat(" ", n)))
		r.Header = headers(vectorID, vectorTime, vectorSignature)
		return r
	}
	opts := at(0)
	opts.MaxBody = 10
	_, err := signature.Receive(request(11), []signature.Key{key(t, vectorKey)}, opts)
	require.ErrorIs(t, err, signature.ErrBody)
	_, err = signature.Receive(request(10), []signature.Key{key(t, vectorKey)}, opts)
	require.ErrorIs(t, err, signature.ErrSignature)
}

// FuzzVerify: only the one signature that the key made is accepted.
func FuzzVerify(f *testing.F) {
	f.Add(vectorID, strconv.Itoa(vectorTime), vectorSignature, vectorBody)
	f.Add("msg_1", "0", "v1,", "")
	f.Fuzz(func(t *testing.T, id, stamp, list, body string) {
		h := http.Header{}
		h.Set(signature.HeaderID, id)
		h.Set(signature.HeaderTimestamp, stamp)
		h.Set(signature.HeaderSignature, list)
		opts := at(0)
		opts.Tolerance = 1 << 60
		got, err := signature.Verify(h, []byte(body), []signature.Key{key(t, vectorKey)}, opts)
		if err != nil {
			return
		}
		want, err := signature.Sign(id, got.SentAt, []byte(body), key(t, vectorKey))
		require.NoError(t, err)
		require.Contains(t, strings.Split(list, " "), want)
	})
}
