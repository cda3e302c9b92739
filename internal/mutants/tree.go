package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// verdict is what became of a mutant.
type verdict string

const (
	// caught is a named test that failed.
	caught verdict = "caught"
	// missed is one that passed.
	missed verdict = "MISSED"
	// stale is a patch that does not apply.
	stale verdict = "DOES NOT APPLY"
	// broken is a mutant that does not compile, or whose test did not run to its end.
	broken verdict = "DOES NOT RUN"
)

// tree is a copy of the repository.
type tree struct{ folder string }

// copy takes what git knows or would add, as it stands.
func (t tree) copy(ctx context.Context) error {
	list, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("list the tree: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		raw, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // Deleted, and not yet committed.
		}
		if err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
		to := filepath.Join(t.folder, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
		if err := os.WriteFile(to, raw, 0o600); err != nil {
			return fmt.Errorf("copy %s: %w", name, err)
		}
	}
	return nil
}

// try applies one mutant, runs its test, and takes it back.
func (t tree) try(ctx context.Context, m mutant) verdict {
	if err := t.apply(ctx, m.path); err != nil {
		return stale
	}
	v, output := t.test(ctx, m)
	if v == broken {
		fmt.Fprintln(os.Stderr, output)
	}
	if err := t.apply(ctx, m.path, "-R"); err != nil {
		return stale
	}
	return v
}

func (t tree) apply(ctx context.Context, patch string, flags ...string) error {
	cmd := exec.CommandContext(ctx, "git", append(append([]string{"apply"}, flags...), patch)...)
	cmd.Dir = t.folder
	// The copy is no repository of its own, and must not be taken for a part of one around it.
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(t.folder))
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apply %s: %w: %s", patch, err, output)
	}
	return nil
}

// test runs the mutant's test, and says what became of it; it is missed if the test passes.
func (t tree) test(ctx context.Context, m mutant) (verdict, string) {
	parts := strings.Split(m.test, "/")
	for i, part := range parts {
		parts[i] = "^" + part + "$"
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-trimpath", "-json", "-count=1", "-timeout=120s", "-run", strings.Join(parts, "/"), m.pkg)
	cmd.Dir = t.folder
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	verdict, output := broken, stderr.String()
	lines := bufio.NewScanner(bytes.NewReader(stdout))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue
		}
		output += event.Output
		if event.Test != m.test {
			continue
		}
		switch event.Action {
		case "fail":
			verdict = caught
		case "pass":
			verdict = missed
		}
	}
	if verdict == missed && err != nil {
		verdict = broken
	}
	return verdict, output
}
