package sink_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

const message = "From: shop@example.com\r\nMessage-ID: <k1@example.com>\r\nSubject: Order o1.\r\n\r\nThank you.\r\n..dot\r\n"

func newSMTP(t *testing.T, rules ...sink.Rule) (s *sink.SMTP, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "log")
	s, err := sink.NewSMTP(&sink.Config{Log: log})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.Set(rules)
	return s, log
}

func send(s *sink.SMTP, to string) error {
	return smtp.SendMail(s.Addr(), nil, "shop@example.com", []string{to}, []byte(message))
}

func TestWhatIsAnsweredIsInTheLog(t *testing.T) {
	t.Parallel()
	s, log := newSMTP(t)
	require.NoError(t, send(s, "ann@shop.test"))
	require.NoError(t, send(s, "ann@shop.test"))
	entries, err := sink.ReadLog(log)
	require.NoError(t, err)
	require.Len(t, entries, 2)
	e := entries[0]
	require.Equal(t, []string{"k1@example.com", "Order o1.", "ann@shop.test", "localhost"}, []string{e.Key, e.About, e.To, e.From})
	require.Equal(t, e.Hash, entries[1].Hash)
	require.False(t, e.Unanswered)
	c := s.Counts()["localhost"]
	require.Equal(t, sink.Counts{Connections: 2, Begun: 2, Accepted: 2, Ended: 2}, c)
}

func TestRulesActAtTheirStageForTheirRecipientAndCount(t *testing.T) {
	t.Parallel()
	s, log := newSMTP(t,
		sink.Rule{Stage: sink.Rcpt, To: "ann", Times: 1, Each: true, Code: 451, Text: "4.7.1 later"},
		sink.Rule{Stage: sink.End, To: "bob", Times: 1, Cut: true},
		sink.Rule{Stage: sink.End, To: "eve", Times: 1, Cut: true, Keep: true},
		sink.Rule{Stage: sink.End, To: "dan", Code: 550, Text: "5.7.1 no"},
	)
	var reply *textproto.Error
	require.ErrorAs(t, send(s, "ann@shop.test"), &reply)
	require.Equal(t, 451, reply.Code)
	require.Error(t, send(s, "anna@shop.test"), "counted per recipient")
	require.NoError(t, send(s, "ann@shop.test"))
	require.ErrorIs(t, send(s, "bob@shop.test"), io.EOF)
	require.NoError(t, send(s, "bob@shop.test"))
	require.ErrorIs(t, send(s, "eve@shop.test"), io.EOF)
	require.ErrorAs(t, send(s, "dan@shop.test"), &reply)
	require.Equal(t, 550, reply.Code)
	entries, err := sink.ReadLog(log)
	require.NoError(t, err)
	var taken []string
	for _, e := range entries {
		taken = append(taken, e.To)
		require.Equal(t, e.To == "eve@shop.test", e.Unanswered)
	}
	require.Equal(t, []string{"ann@shop.test", "bob@shop.test", "eve@shop.test"}, taken)
}

func TestAnAnswerThatIsHeldIsLoggedAndCounted(t *testing.T) {
	t.Parallel()
	s, log := newSMTP(t, sink.Rule{Stage: sink.End, Never: true, Keep: true})
	go func() { _ = send(s, "ann@shop.test") }()
	require.Eventually(t, func() bool { return s.Counts()["localhost"].Waiting == 1 }, 5*time.Second, time.Millisecond)
	entries, err := sink.ReadLog(log)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.True(t, entries[0].Unanswered)
}

func TestALineThatWasNotFinishedIsNotRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, []byte(`{"key":"k1"}`+"\n"+`{"key":"k`), 0o600))
	entries, err := sink.ReadLog(path)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.NoError(t, os.WriteFile(path, []byte("nonsense\n"), 0o600))
	_, err = sink.ReadLog(path)
	require.ErrorContains(t, err, "line 1")
	entries, err = sink.ReadLog(path + ".missing")
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestAClosedLogTakesNothing(t *testing.T) {
	t.Parallel()
	log, err := sink.OpenLog(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	require.NoError(t, log.Append(sink.Entry{Key: "k1"}))
	require.NoError(t, log.Close())
	require.NoError(t, log.Close())
	require.ErrorIs(t, log.Append(sink.Entry{Key: "k2"}), os.ErrClosed)
}

func TestAKeyedReceiverTakesAKeyOnce(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	s, err := sink.NewHTTP(&sink.Config{Log: log}, true)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.Set([]sink.Rule{{Stage: sink.Request, To: "/busy", Code: 429, Text: "7"}})
	post := func(path, key string) (status int, retryAfter string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+path, strings.NewReader(`{"id": 1}`))
		require.NoError(t, err)
		request.Header.Set("Webhook-Id", key)
		request.Header.Set("User-Agent", "w1.test")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode, response.Header.Get("Retry-After")
	}
	for range 2 {
		status, _ := post("/o1", "k1")
		require.Equal(t, 204, status)
	}
	status, retryAfter := post("/busy", "k2")
	require.Equal(t, 429, status)
	require.Equal(t, "7", retryAfter)
	entries, err := sink.ReadLog(log)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "k1", entries[0].Key)
	require.Equal(t, "o1", entries[0].About)
	require.Equal(t, 3, s.Counts()["w1.test"].Begun)
}

func TestServeObeysUntilItsInputEnds(t *testing.T) {
	t.Parallel()
	s, err := sink.NewSMTP(&sink.Config{Log: filepath.Join(t.TempDir(), "log")})
	require.NoError(t, err)
	commands, in := io.Pipe()
	out, replies := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- sink.Serve(s, commands, replies) }()
	decode, encode := json.NewDecoder(out), json.NewEncoder(in)
	var reply sink.Reply
	require.NoError(t, decode.Decode(&reply))
	require.Equal(t, s.Addr(), reply.Addr)
	require.NoError(t, encode.Encode(sink.Command{Rules: []sink.Rule{{Stage: sink.Mail, Code: 421, Text: "4.3.2 bye"}}}))
	require.NoError(t, decode.Decode(&reply))
	require.ErrorContains(t, send(s, "ann@shop.test"), "4.3.2 bye")
	require.NoError(t, encode.Encode(sink.Command{}))
	require.NoError(t, decode.Decode(&reply))
	require.Equal(t, 1, sink.Sum(reply.Counts).Begun)
	require.NoError(t, in.Close())
	require.NoError(t, <-ended)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	require.NoError(t, ctx.Err())
	require.Error(t, send(s, "ann@shop.test"), "it is closed")
}

func TestCertificatesAreAsBadAsTheyShould(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"expired", "misnamed", "selfsigned", "old"} {
		config, err := sink.TLS(how)
		require.NoError(t, err)
		require.Len(t, config.Certificates, 1)
	}
	_, err := sink.TLS("good")
	require.Error(t, err)
}
