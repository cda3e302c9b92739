package config

import (
	"context"
	"fmt"
	"os"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/transports"
)

// Builder makes one transport of its section in the file. Adding a transport to a program is adding a Builder.
type Builder struct {
	// Spec is the transport's; its name is the key under transports.
	Spec transports.Spec
	// NoConfig says that the transport works without a section. Defaults to needing one.
	NoConfig bool
	// New builds the transport. It calls decode at most once, with a pointer to the transport's configuration struct,
	// whose fields bear yaml tags; if decode returns an error, the problems are already noted, and New returns at once.
	//
	// All errors that New joins are reported. One whose text begins with the transport's name and a key, such as
	// "email: from is required", is reported at that key. New must not connect to anything.
	New func(decode func(into any) error) (transports.Transport, error)
}

// File is a carillon.yaml that was read and found right.
type File struct {
	// DatabaseURL names the database; empty if the file does not.
	DatabaseURL transports.Secret
	// Dispatcher holds the declarations.
	Dispatcher *dispatch.Dispatcher
	// Transports are those with a section, and those that need none, in the order of the builders.
	Transports []transports.Transport
	// Delivery is the section delivery; nil if the file has none, which is live.
	Delivery *delivery.Config
	// Attachments is the section attachments; nil if the file has none, and then only functions give files.
	Attachments *attachments.Config
	// Worker is the section worker. Its zero values mean the worker's own defaults.
	Worker Worker
	// Settings are the keys in effect, without secrets.
	Settings []Setting
}

// Load reads the file at path, with ${NAME} from the process's environment. If anything in the file is wrong, the
// error is [Problems].
func Load(path string, builders []Builder) (*File, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, source, builders, os.LookupEnv)
}

// Parse reads source, which problems call by name. A nil env has no variables. If anything in the source is wrong, the
// error is [Problems]; two builders of one name are another error.
func Parse(name string, source []byte, builders []Builder, env func(name string) (string, bool)) (*File, error) {
	known := make(map[string]Builder, len(builders))
	for _, b := range builders {
		if _, taken := known[b.Spec.Name]; taken {
			return nil, fmt.Errorf("parse configuration: two builders are called %q", b.Spec.Name)
		}
		known[b.Spec.Name] = b
	}
	if env == nil {
		env = func(string) (string, bool) { return "", false }
	}
	r := &report{file: name}
	root := parseSource(r, source, env)
	if root == nil {
		return nil, r.problems()
	}
	l := &loader{report: r, root: root, builders: builders, known: known}
	return l.load()
}

// loader makes a File of the parsed tree.
type loader struct {
	*report
	root     *node
	doc      document
	builders []Builder
	known    map[string]Builder
}

func (l *loader) load() (*File, error) {
	d := &decoder{report: l.report}
	d.decodeDocument(l.root, &l.doc)
	l.settle()
	l.checkSettings()
	built := l.buildTransports()
	l.settle()
	l.checkAddresses(built)
	l.checkDelivery()
	dispatcher := l.declare()
	if problems := l.problems(); problems != nil {
		closeAll(built)
		return nil, problems
	}
	return &File{
		DatabaseURL: l.doc.DatabaseURL, Dispatcher: dispatcher, Transports: built, Worker: l.doc.Worker,
		Delivery: l.doc.Delivery, Attachments: l.doc.Attachments, Settings: l.settings(),
	}, nil
}

// refuse notes a problem at the place of a path, unless what an earlier step found there is its cause.
func (l *loader) refuse(path, format string, args ...any) {
	if l.covered(path) {
		return
	}
	l.add(l.root.place(path), path, format, args...)
}

// refuseKey notes a problem at a key below path, where refuse takes the place of its value.
func (l *loader) refuseKey(path, key, message string) {
	at := l.root.place(path)
	if parent := l.root.find(path); parent != nil {
		for _, e := range parent.entries {
			if e.key == key {
				at = e.at
			}
		}
	}
	if here := join(path, key); !l.covered(here) {
		l.add(at, here, "%s", message)
	}
}

// closeAll releases transports that nobody will use. Nothing was sent, so that there is nothing to wait for.
func closeAll(built []transports.Transport) {
	for _, t := range built {
		if c, ok := t.(transports.Closer); ok {
			_ = c.Close(context.Background())
		}
	}
}
