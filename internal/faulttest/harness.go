package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// row is one line of the fault matrix.
type row struct {
	id, what string
	// size says what a run consists of, for the short and the full form.
	size func(full bool) string
	// short rows are part of the short form.
	short bool
	// alone rows load the machine, so that nothing may run beside them when they run in full size.
	alone bool
	// absent tells why the row cannot run on this machine, or "".
	absent func(context.Context) string
	// postgres are settings of the row's database; people is how many there are, 100 if it is 0; mail are arguments of
	// its mail server.
	postgres map[string]string
	people   int
	mail     []string
	run      func(context.Context, *arena) error
}

// patience ends a run that hangs.
const patience = 25 * time.Minute

// harness runs rows.
type harness struct {
	options options
	words   io.Writer
	dir     string
	// carillon is the program with failpoints, self is this one.
	carillon, self string
	mu             sync.Mutex // guards words
	skewing        sync.Mutex // held while another program is built
	cells          atomic.Int64
}

// newHarness builds the program.
func newHarness(ctx context.Context, o options, words io.Writer) (*harness, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "carillon-fault-")
	if err != nil {
		return nil, err
	}
	h := &harness{options: o, words: words, dir: dir, self: self, carillon: filepath.Join(dir, "carillon")}
	h.say("building carillon with failpoints")
	if err := build(ctx, ".", h.carillon, "-tags", "fault"); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// build compiles the command carillon of the source in dir.
func build(ctx context.Context, dir, to string, flags ...string) error {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"build"}, flags...), "-o", to, "./cmd/carillon")...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build carillon: %w\n%s", err, output)
	}
	return nil
}

func (h *harness) close() error {
	if h.options.keep {
		h.say("logs are in %s", h.dir)
		return nil
	}
	return os.RemoveAll(h.dir)
}

func (h *harness) say(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fmt.Fprintf(h.words, "fault: "+format+"\n", args...)
}

// choose finds the rows that the flags ask for.
func choose(o *options) ([]*row, error) {
	all := rows()
	if o.rows == "" {
		return slices.DeleteFunc(all, func(r *row) bool { return !o.full && !r.short }), nil
	}
	var chosen []*row
	for _, id := range strings.Split(o.rows, ",") {
		i := slices.IndexFunc(all, func(r *row) bool { return r.id == id })
		if i < 0 {
			return nil, fmt.Errorf("there is no row %q", id)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// errFailed says that a row failed; what, was printed.
var errFailed = errors.New("a promise was broken")

// runAll runs the rows, small ones side by side, and prints the table.
func (h *harness) runAll(ctx context.Context, chosen []*row, out io.Writer) error {
	h.say("%d rows with %d seeds from %d on", len(chosen), h.options.seeds, h.options.seed)
	results := make([]*result, len(chosen))
	group := new(errgroup.Group)
	group.SetLimit(h.options.parallel)
	for _, heavy := range []bool{false, true} {
		for i, r := range chosen {
			if (h.options.full && r.alone) != heavy {
				continue
			}
			if heavy {
				results[i] = h.runRow(ctx, r)
				continue
			}
			group.Go(func() error {
				results[i] = h.runRow(ctx, r)
				return nil
			})
		}
		_ = group.Wait() // The rows return no errors.
	}
	if err := printResults(out, results); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err() // What was broken off says nothing.
	}
	if h.options.record {
		if err := record(results); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(results, func(r *result) bool { return r.Verdict == failed }) {
		return errFailed
	}
	return nil
}

// runRow runs a row with each seed.
func (h *harness) runRow(ctx context.Context, r *row) *result {
	total := newResult(r, h.options.full)
	if r.absent != nil {
		if why := r.absent(ctx); why != "" {
			total.Verdict, total.Why = notRun, why
			h.say("%s not run: %s", r.id, why)
			return total
		}
	}
	for i := range h.options.seeds {
		if ctx.Err() != nil {
			total.Verdict = failed
			return total
		}
		seed := h.options.seed + uint64(i)
		begun := time.Now()
		o := h.runOnce(ctx, r, seed)
		total.add(o)
		if o.OK() {
			h.say("%s seed %d passed in %s: %s", r.id, seed, time.Since(begun).Round(time.Second), o.summary())
			continue
		}
		full := ""
		if h.options.full {
			full = " FULL=1"
		}
		h.say("%s seed %d FAILED: %s\n\t%s\n\tagain: make fault ROW=%s SEED=%d%s", r.id, seed, o.summary(),
			strings.Join(o.Findings, "\n\t"), r.id, seed, full)
	}
	return total
}

// runOnce runs a row with one seed. What goes wrong in the harness itself is a finding, too.
func (h *harness) runOnce(ctx context.Context, r *row, seed uint64) *outcome {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a, err := newArena(ctx, h, r, seed)
	if err != nil {
		o := &outcome{}
		o.Findings = []string{"the arena: " + err.Error()}
		return o
	}
	err = r.run(ctx, a)
	if err == nil {
		err = a.judge(ctx)
	}
	if err != nil {
		a.require(false, "the run: %s", err)
	}
	if err := a.close(ctx); err != nil {
		a.require(false, "the end: %s", err)
	}
	if !a.outcome.OK() {
		h.say("%s seed %d: logs are in %s", r.id, seed, a.dir)
		h.mu.Lock()
		h.options.keep = true
		h.mu.Unlock()
	}
	return &a.outcome
}
