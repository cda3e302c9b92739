package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// firstConfig is the file that init writes.
//
//go:embed init_template.yaml
var firstConfig string

func newInitCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init [PATH]",
		Short: "Write a first carillon.yaml",
		Long: `Write a carillon.yaml that works as it is and explains every key, and print the commands to go on with. PATH is
the file, or a directory (default the working directory). A file that exists is never overwritten.`,
		Args: atMost(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := defaultConfig
			if len(args) > 0 {
				path = args[0]
			}
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				path = filepath.Join(path, defaultConfig)
			}
			if err := writeNew(path, firstConfig); err != nil {
				return err
			}
			return a.printNext(path)
		},
	}
}

// writeNew writes a file that must not exist. What could be written in part only is removed again.
func writeNew(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is left alone (name another file, or remove it)", path)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the configuration: %w", err), os.Remove(path))
	}
	return nil
}

// begun is what `carillon init --json` prints.
type begun struct {
	Path string   `json:"path"`
	Next []string `json:"next"`
}

func (a *app) printNext(path string) error {
	option := ""
	if path != defaultConfig {
		option = " --config " + shellWord(path)
	}
	next := []string{
		"carillon migrate up" + option,
		"carillon worker" + option,
		`carillon emit orders.created --data '{"user_id": "1", "code": "A7"}'` + option,
	}
	if a.json {
		return a.printJSON(begun{Path: path, Next: next})
	}
	a.say("wrote %s; next, with DATABASE_URL set, and the last beside the worker:", path)
	return a.print(strings.Join(next, "\n") + "\n")
}

// shellWord quotes what a shell would not take as one word.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+,:@%", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
