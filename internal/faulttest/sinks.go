package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/carillon-notify/carillon/internal/faulttest/sink"
)

// The roles in which the harness starts itself.
const (
	roleSMTP = "smtp"
	roleHTTP = "http"
	roleEmit = "emit"
)

// serveSink is a sink's process.
func serveSink(args []string, in io.Reader, out io.Writer) error {
	var cfg sink.Config
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.StringVar(&cfg.Log, "log", "", "the file of the log")
	flags.StringVar(&cfg.Addr, "addr", "", "where to listen")
	flags.BoolVar(&cfg.Login, "login", false, "ask for credentials")
	certificate := flags.String("tls", "", "offer STARTTLS with a certificate that is selfsigned, expired or misnamed, or with an old TLS")
	keyed := flags.Bool("keyed", false, "take each key once")
	err := flags.Parse(args[1:])
	if err != nil {
		return err
	}
	if *certificate != "" {
		if cfg.TLS, err = sink.TLS(*certificate); err != nil {
			return err
		}
	}
	var s sink.Sink
	if args[0] == roleSMTP {
		s, err = sink.NewSMTP(&cfg)
	} else {
		s, err = sink.NewHTTP(&cfg, *keyed)
	}
	if err != nil {
		return err
	}
	return sink.Serve(s, in, out)
}

// receiver is a sink in a process of its own.
type receiver struct {
	*process
	log  string
	addr string

	mu      sync.Mutex
	in      io.WriteCloser
	encode  *json.Encoder
	decoder *json.Decoder
}

// startReceiver starts a sink and returns when it listens.
func (a *arena) startReceiver(ctx context.Context, role string, args ...string) (*receiver, error) {
	name := fmt.Sprintf("%s-%d", role, len(a.receivers)+1)
	r := &receiver{log: filepath.Join(a.dir, name+".log")}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), a.self, append([]string{role, "-log", r.log}, args...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if r.process, err = startProcess(name, filepath.Join(a.dir, name+".err"), cmd); err != nil {
		return nil, err
	}
	r.in, r.encode, r.decoder = in, json.NewEncoder(in), json.NewDecoder(out)
	var first sink.Reply
	if err := r.decoder.Decode(&first); err != nil {
		r.kill()
		return nil, fmt.Errorf("start %s: %w%s", name, err, r.tail())
	}
	r.addr = first.Addr
	a.receivers = append(a.receivers, r)
	return r, nil
}

func (r *receiver) do(c sink.Command) (map[string]sink.Counts, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var reply sink.Reply
	if err := errors.Join(r.encode.Encode(c), r.decoder.Decode(&reply)); err != nil {
		return nil, fmt.Errorf("command %s: %w%s", r.name, err, r.tail())
	}
	return reply.Counts, nil
}

// play replaces the script; no rules let the sink take everything.
func (r *receiver) play(rules ...sink.Rule) error {
	_, err := r.do(sink.Command{Rules: append([]sink.Rule{}, rules...)})
	return err
}

// counts returns what the sink has seen of one sender, or of all for "".
func (r *receiver) counts(from string) (sink.Counts, error) {
	all, err := r.do(sink.Command{})
	if err != nil {
		return sink.Counts{}, err
	}
	if from == "" {
		return sink.Sum(all), nil
	}
	return all[from], nil
}

// entries returns what the sink took from one sender, or from all for "".
func (r *receiver) entries(from string) ([]sink.Entry, error) {
	all, err := sink.ReadLog(r.log)
	if err != nil || from == "" {
		return all, err
	}
	var some []sink.Entry
	for _, e := range all {
		if e.From == from {
			some = append(some, e)
		}
	}
	return some, nil
}

// stop ends the sink; its log stays.
func (r *receiver) stop() {
	_ = r.in.Close()
	select {
	case <-r.done:
	case <-time.After(5 * time.Second):
		r.kill()
	}
}
