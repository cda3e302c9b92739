package sink

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/mail"
	"strings"
	"time"
)

// errEnd ends a dialogue.
var errEnd = errors.New("the dialogue is over")

// dialogue is one connection. It is used by one goroutine.
type dialogue struct {
	sink   *SMTP
	conn   net.Conn
	reader *bufio.Reader
	from   string // the client's name
	to     string
	open   bool // a message was begun
}

func (d *dialogue) run() {
	d.sink.add(d.from, func(c *Counts) { c.Connections++ })
	defer d.end()
	if d.answer(Connect, 220, "sink.test ESMTP") != nil {
		return
	}
	for {
		line, err := d.reader.ReadString('\n')
		if err != nil {
			return
		}
		verb, argument, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if err := d.command(strings.ToUpper(verb), argument); err != nil {
			return
		}
	}
}

func (d *dialogue) command(verb, argument string) error {
	switch verb {
	case "EHLO", "HELO":
		return d.hello(argument)
	case "STARTTLS":
		return d.startTLS()
	case "AUTH":
		return d.login(argument)
	case "MAIL":
		d.begin()
		return d.answer(Mail, 250, "2.1.0 ok")
	case "RCPT":
		d.to = address(argument)
		return d.answer(Rcpt, 250, "2.1.5 ok")
	case "DATA":
		return d.data()
	case "RSET":
		d.end()
		return d.answer(Reset, 250, "2.0.0 ok")
	case "NOOP":
		return d.say(250, "2.0.0 ok")
	case "QUIT":
		if err := d.answer(Quit, 221, "2.0.0 bye"); err != nil {
			return err
		}
		return errEnd
	}
	return d.say(502, "5.5.2 unknown command")
}

func (d *dialogue) hello(name string) error {
	d.sink.add(d.from, func(c *Counts) { c.Connections-- })
	d.from = name
	d.sink.add(d.from, func(c *Counts) { c.Connections++ })
	lines := []string{"sink.test", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"}
	if _, encrypted := d.conn.(*tls.Conn); d.sink.cfg.TLS != nil && !encrypted {
		lines = append(lines, "STARTTLS")
	}
	if d.sink.cfg.Login {
		lines = append(lines, "AUTH PLAIN")
	}
	return d.answer(Hello, 250, strings.Join(lines, "\n"))
}

func (d *dialogue) startTLS() error {
	if err := d.answer(StartTLS, 220, "2.0.0 go ahead"); err != nil {
		return err
	}
	encrypted := tls.Server(d.conn, d.sink.cfg.TLS)
	d.conn, d.reader = encrypted, bufio.NewReader(encrypted)
	return nil
}

// login takes any credentials, unless the script does not.
func (d *dialogue) login(argument string) error {
	if !strings.HasPrefix(strings.ToUpper(argument), "PLAIN ") {
		if err := d.say(334, ""); err != nil {
			return err
		}
		if _, err := d.reader.ReadString('\n'); err != nil {
			return err
		}
	}
	d.sink.add(d.from, func(c *Counts) { c.Logins++ })
	return d.answer(Auth, 235, "2.7.0 ok")
}

func (d *dialogue) begin() {
	d.end()
	d.open = true
	d.sink.add(d.from, func(c *Counts) { c.Begun++ })
}

func (d *dialogue) end() {
	if d.open {
		d.open = false
		d.sink.add(d.from, func(c *Counts) { c.Ended++ })
	}
}

func (d *dialogue) data() error {
	r := d.sink.At(Data, d.to)
	if r.Code >= 400 || r.Cut || r.Never {
		return d.act(r, 354, "go on")
	}
	if err := d.act(r, 354, "go on"); err != nil {
		return err
	}
	if r := d.sink.At(Body, d.to); r != (Rule{}) {
		d.sink.hold(r)
		if r.Cut {
			return errEnd
		}
	}
	raw, err := d.body()
	if err != nil {
		return err
	}
	return d.finish(raw)
}

// body reads up to the dot.
func (d *dialogue) body() ([]byte, error) {
	var raw bytes.Buffer
	for {
		line, err := d.reader.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if string(line) == ".\r\n" {
			return raw.Bytes(), nil
		}
		raw.Write(bytes.TrimPrefix(line, []byte(".")))
	}
}

// finish decides about a whole message. What is taken is logged before anything is answered.
func (d *dialogue) finish(raw []byte) error {
	r := d.sink.At(End, d.to)
	silent := r.Cut || r.Never
	taken := r.Code < 400 && (!silent || r.Keep)
	if taken {
		if err := d.take(raw, silent || r.Delay > 0); err != nil {
			return d.say(451, "4.3.0 the log cannot be written")
		}
	}
	d.sink.add(d.from, func(c *Counts) { c.Waiting++ })
	err := d.act(r, 250, "2.0.0 taken")
	d.sink.add(d.from, func(c *Counts) { c.Waiting-- })
	d.end()
	return err
}

func (d *dialogue) take(raw []byte, unanswered bool) error {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("read a message: %w", err)
	}
	hash := sha256.Sum256(raw)
	err = d.sink.log.Append(Entry{
		At: time.Now(), Key: strings.Trim(m.Header.Get("Message-Id"), "<>"), About: m.Header.Get("Subject"), To: d.to,
		Hash: hex.EncodeToString(hash[:8]), From: d.from, Unanswered: unanswered,
	})
	if err == nil {
		d.sink.add(d.from, func(c *Counts) { c.Accepted++ })
	}
	return err
}

// answer gives a stage's answer, or what the script has in its place.
func (d *dialogue) answer(stage string, code int, text string) error {
	return d.act(d.sink.At(stage, d.to), code, text)
}

func (d *dialogue) act(r Rule, code int, text string) error {
	d.sink.hold(r)
	switch {
	case r.Cut, r.Never:
		return errEnd
	case r.Code != 0:
		code, text = r.Code, r.Text
	}
	if err := d.say(code, text); err != nil || !r.CutAfter {
		return err
	}
	return errEnd
}

func (d *dialogue) say(code int, text string) error {
	lines := strings.Split(text, "\n")
	var b strings.Builder
	for i, line := range lines {
		separator := "-"
		if i == len(lines)-1 {
			separator = " "
		}
		fmt.Fprintf(&b, "%d%s%s\r\n", code, separator, line)
	}
	_, err := io.WriteString(d.conn, b.String())
	return err
}
