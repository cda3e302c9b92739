package sink

import (
	"encoding/json"
	"fmt"
	"io"
)

// Sink is what [Serve] runs.
type Sink interface {
	Addr() string
	Counts() map[string]Counts
	Set(rules []Rule)
	Cut()
	Close() error
}

var (
	_ Sink = (*SMTP)(nil)
	_ Sink = (*HTTP)(nil)
)

// Command is one line to a sink's process; Reply is its answer.
type Command struct {
	// Rules replace the script if they are not nil.
	Rules []Rule `json:"rules"`
	// Cut closes all connections.
	Cut bool `json:"cut,omitempty"`
}

// Reply is the state after a [Command]. The first one comes unasked.
type Reply struct {
	Addr   string            `json:"addr"`
	Counts map[string]Counts `json:"counts"`
}

// Serve obeys commands, a line of JSON each, until in ends, and then closes the sink.
func Serve(s Sink, in io.Reader, out io.Writer) error {
	defer func() { _ = s.Close() }()
	commands, replies := json.NewDecoder(in), json.NewEncoder(out)
	for {
		if err := replies.Encode(Reply{Addr: s.Addr(), Counts: s.Counts()}); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		var c Command
		err := commands.Decode(&c)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read a command: %w", err)
		}
		if c.Rules != nil {
			s.Set(c.Rules)
		}
		if c.Cut {
			s.Cut()
		}
	}
}
