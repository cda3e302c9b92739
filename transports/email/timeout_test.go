package email_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

// silentAfter is a server that falls silent for ever: it says its replies in order, one for each line that comes,
// and after a message one for its end. It goes on reading, so that nothing but a time limit ends a send.
func silentAfter(t *testing.T, replies ...string) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-done
	})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			recite(nc, replies)
		}
	}()
	return "smtp://" + l.Addr().String()
}

// recite serves one connection until the client leaves.
func recite(nc net.Conn, replies []string) {
	defer func() { _ = nc.Close() }()
	r := bufio.NewReader(nc)
	inMessage := false
	for _, reply := range replies {
		if _, err := io.WriteString(nc, reply+"\r\n"); err != nil {
			return
		}
		inMessage = strings.HasPrefix(reply, "354")
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if !inMessage || line == ".\r\n" {
				break
			}
		}
	}
	_, _ = io.Copy(io.Discard, r)
}

// dialed is a DialFunc for a connection that there is already.
func dialed(nc net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return nc, nil }
}

// TestASilentServerIsLeftInTime lets a server fall silent at each stage. Each stage has a limit of its own, here a short
// one where it counts and the long default elsewhere, so that another stage's limit would not do.
func TestASilentServerIsLeftInTime(t *testing.T) {
	t.Parallel()
	opening := func(c *email.Config) { c.OpenTimeout = short }
	command := func(c *email.Config) { c.CommandTimeout = short }
	answer := func(c *email.Config) { c.ReplyTimeout = short }
	tests := map[string]struct {
		said   []string
		limit  func(c *email.Config)
		url    string
		class  transports.Class
		detail string
	}{
		"Greeting": {nil, opening, "", transports.Transient, "the server did not answer in time"},
		"EHLO":     {[]string{"220 x"}, opening, "", transports.Transient, "the server did not answer in time"},
		"STARTTLS": {[]string{"220 x", "250-x\r\n250 STARTTLS"}, opening, "?tls=starttls", transports.Transient, "the server did not answer in time"},
		"TLS":      {[]string{"220 x", "250-x\r\n250 STARTTLS", "220 go"}, opening, "?tls=starttls", transports.Transient, "the server did not answer in time"},
		"AUTH":     {[]string{"220 x", "250-x\r\n250 AUTH PLAIN"}, opening, "u:p@", transports.Transient, "the server did not answer in time"},
		"MAIL":     {[]string{"220 x", "250 x"}, command, "", transports.Transient, "the server did not answer in time"},
		"RCPT":     {[]string{"220 x", "250 x", "250 x"}, command, "", transports.Transient, "the server did not answer in time"},
		"DATA":     {[]string{"220 x", "250 x", "250 x", "250 x"}, command, "", transports.Transient, "the server did not answer in time"},
		"End": {
			[]string{"220 x", "250 x", "250 x", "250 x", "354 x"},
			answer, "", transports.Unknown,
			"the server did not answer the finished message in time",
		},
		"Halfway": {[]string{"220 x", "250-x"}, opening, "", transports.Transient, "the server did not answer in time"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := silentAfter(t, tt.said...)
			switch {
			case strings.HasPrefix(tt.url, "?"):
				target += tt.url
			case tt.url != "":
				target = strings.Replace(target, "://", "://"+tt.url, 1)
			}
			config := &email.Config{SMTP: transports.Secret(target)}
			tt.limit(config)
			transport := newTransport(t, config)
			began := time.Now()
			_, err := transport.Send(patient(t), newMessage())
			e := classified(t, tt.class, err)
			require.Equal(t, tt.detail, e.Detail)
			require.False(t, e.Unclassified)
			require.Less(t, time.Since(began), promptly)
		})
	}
}

// TestALateAnswerIsAnAnswer: what counts is the limit of the final reply, not that of the commands before it.
func TestALateAnswerIsAnAnswer(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	go func() {
		r := bufio.NewReader(server)
		for _, reply := range []string{"220 x", "250 x", "250 x", "250 x", "354 x"} {
			_, _ = io.WriteString(server, reply+"\r\n")
			for {
				line, err := r.ReadString('\n')
				if err != nil || !strings.HasPrefix(reply, "354") || line == ".\r\n" {
					break
				}
			}
		}
		<-time.After(4 * short)
		_, _ = io.WriteString(server, "250 2.0.0 taken\r\n")
		_, _ = io.Copy(io.Discard, r)
	}()
	transport := newTransport(t, &email.Config{
		SMTP: "smtp://127.0.0.1", CommandTimeout: short, OpenTimeout: short, BlockTimeout: short, DialFunc: dialed(client),
	})
	result, err := transport.Send(patient(t), newMessage())
	require.NoError(t, err)
	require.Equal(t, "250 2.0.0", result.Detail)
}

// TestALongMessageMayTakeItsTime sends over a connection without buffers to a server that reads a piece at a time: the
// limit is one block's, and the whole takes many times that. Then the server stops reading.
func TestALongMessageMayTakeItsTime(t *testing.T) {
	t.Parallel()
	for name, stuck := range map[string]bool{"Slow": false, "Stuck": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server := net.Pipe()
			finished := make(chan struct{})
			go func() {
				defer close(finished)
				r := bufio.NewReaderSize(server, 16)
				for _, reply := range []string{"220 x", "250 x", "250 x", "250 x", "354 x"} {
					_, _ = io.WriteString(server, reply+"\r\n")
					if !strings.HasPrefix(reply, "354") {
						_, _ = r.ReadString('\n')
					}
				}
				buf := make([]byte, 2048)
				for tail := ""; !strings.HasSuffix(tail, "\r\n.\r\n"); {
					if stuck && tail != "" {
						return
					}
					<-time.After(short / 10)
					n, err := r.Read(buf)
					if err != nil {
						return
					}
					tail = (tail + string(buf[:n]))[max(0, len(tail)+n-5):]
				}
				_, _ = io.WriteString(server, "250 2.0.0 taken\r\n")
				_, _ = io.Copy(io.Discard, r)
			}()
			transport := newTransport(t, &email.Config{
				SMTP: "smtp://127.0.0.1", CommandTimeout: promptly, BlockTimeout: 3 * short, DialFunc: dialed(client),
			})
			m := newMessage()
			m.Content.Text = strings.Repeat("a line of a message that is not short\n", 3000)
			began := time.Now()
			_, err := transport.Send(patient(t), m)
			if stuck {
				e := classified(t, transports.Transient, err)
				require.Equal(t, "the server did not answer in time", e.Detail)
				return
			}
			require.NoError(t, err)
			require.Greater(t, time.Since(began), 3*short, "longer than any one block may take")
		})
	}
}

// TestATrickleIsCut: a reply that comes byte by byte keeps no connection beyond its stage, and is unknown after the dot.
func TestATrickleIsCut(t *testing.T) {
	t.Parallel()
	for name, class := range map[string]transports.Class{"Greeting": transports.Transient, "End": transports.Unknown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, server := net.Pipe()
			go func() {
				r := bufio.NewReader(server)
				if name == "End" {
					for _, reply := range []string{"220 x", "250 x", "250 x", "250 x", "354 x"} {
						_, _ = io.WriteString(server, reply+"\r\n")
						for {
							line, err := r.ReadString('\n')
							if err != nil || !strings.HasPrefix(reply, "354") || line == ".\r\n" {
								break
							}
						}
					}
				}
				for _, err := io.WriteString(server, "250-"); err == nil; _, err = io.WriteString(server, "x") {
					<-time.After(short / 20)
				}
			}()
			transport := newTransport(t, &email.Config{
				SMTP: "smtp://127.0.0.1", OpenTimeout: 2 * short, ReplyTimeout: 2 * short, DialFunc: dialed(client),
			})
			_, err := transport.Send(patient(t), newMessage())
			requireClass(t, class, err)
		})
	}
}
