package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// targets are what the figures are held against. Only the round trips fail a run that misses them.
type targets struct {
	// EmitToNaive is at least this, with the most writers.
	EmitToNaive float64 `json:"emit_to_naive"`
	ExtraTrips  int64   `json:"extra_round_trips"`
	P50         float64 `json:"latency_p50_ms"`
	P99         float64 `json:"latency_p99_ms"`
}

// machine is what the figures depend on beside the server. It names neither the host nor a path.
type machine struct {
	OS     string `json:"os"`
	Arch   string `json:"arch"`
	CPU    string `json:"cpu,omitempty"`
	CPUs   int    `json:"cpus"`
	Go     string `json:"go"`
	Server server `json:"postgres"`
	// LoadBefore is the load average of a minute before the run: how quiet the machine was.
	LoadBefore string `json:"load_average_before,omitempty"`
}

// load says how the measures are taken.
type load struct {
	PayloadBytes int         `json:"payload_bytes"`
	Emit         emitLoad    `json:"emit"`
	WAL          walLoad     `json:"wal"`
	Latency      latencyLoad `json:"latency"`
}

// results are what a run found out, and all that is needed to judge it.
type results struct {
	// Commit is what was measured, and Changed says that the checkout had changes on top of it.
	Commit  string          `json:"commit"`
	Changed bool            `json:"uncommitted_changes"`
	TakenAt time.Time       `json:"taken_at"`
	Short   bool            `json:"short,omitempty"`
	Machine machine         `json:"machine"`
	Load    load            `json:"load"`
	Targets targets         `json:"targets"`
	Emit    []emitFigures   `json:"emit,omitempty"`
	Trips   *tripFigures    `json:"round_trips,omitempty"`
	WAL     *walFigures     `json:"wal_per_emit,omitempty"`
	Latency *latencyFigures `json:"commit_to_send,omitempty"`
}

func newResults(ctx context.Context, server server, short bool) *results {
	revision, changed := commit(ctx)
	r := &results{
		Commit:  revision,
		Changed: changed,
		TakenAt: time.Now().UTC().Truncate(time.Second),
		Short:   short,
		Machine: machine{
			OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: cpu(), CPUs: runtime.NumCPU(), Go: runtime.Version(),
			Server: server, LoadBefore: loadBefore(),
		},
		Load: load{
			Emit:    emitLoad{Writers: []int{1, 8, 32}, Channels: 3, Slices: 8, SliceSeconds: 0.6},
			WAL:     walLoad{Transactions: 2000},
			Latency: latencyLoad{Channels: 1, EventsPerSecond: 30, WarmUpSeconds: 3, Seconds: 30, Seed: 7341},
		},
		Targets: targets{EmitToNaive: 1.6, ExtraTrips: extraTrips, P50: 3, P99: 15},
	}
	if raw, err := json.Marshal((&shop{}).next()); err == nil {
		r.Load.PayloadBytes = len(raw)
	}
	if short {
		r.Load.Emit.Slices, r.Load.Emit.SliceSeconds = 2, 0.2
		r.Load.WAL.Transactions = 200
		r.Load.Latency.WarmUpSeconds, r.Load.Latency.Seconds = 1, 4
	}
	return r
}

// write stores the figures as JSON.
func (r *results) write(file string) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	if err := os.WriteFile(file, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

// print lays the figures out for people.
func (r *results) print(out io.Writer) error {
	m := r.Machine
	also := ""
	if r.Changed {
		also = " with changes"
	}
	fmt.Fprintf(out, "carillon %.12s%s, %s, PostgreSQL %s (fsync %s, synchronous_commit %s), %d CPUs\n",
		r.Commit, also, m.Go, m.Server.Version, m.Server.Fsync, m.Server.SynchronousCommit, m.CPUs)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	r.printEmit(table)
	if t := r.Trips; t != nil {
		fmt.Fprintf(table, "\nround trips of a transaction\twithout\tEmitTx\tTriggerTx\twith a key\tduplicate\tnaive\n")
		fmt.Fprintf(table, "\t%d\t%d\t%d\t%d\t%d\t%d\n", t.Domain, t.Emit, t.Trigger, t.Keyed, t.Repeated, t.Naive)
	}
	if w := r.WAL; w != nil {
		fmt.Fprintf(table, "\nWAL bytes per transaction\twithout\temit adds\tnaive adds\n")
		fmt.Fprintf(table, "\t%.0f\t%.0f\t%.0f\n", w.Domain, w.Emit, w.Naive)
	}
	if l := r.Latency; l != nil {
		fmt.Fprintf(table, "\ncommit to send, %.0f events/s\tn\tp50\tp90\tp99\tmax\tover 20 ms\n", r.Load.Latency.EventsPerSecond)
		fmt.Fprintf(table, "\t%d\t%.1f ms\t%.1f ms\t%.1f ms\t%.1f ms\t%.1f %%\n", l.N, l.P50, l.P90, l.P99, l.Max, 100*l.ShareLate)
		fmt.Fprintf(table, "aim\t\t%.0f ms\t\t%.0f ms\n", r.Targets.P50, r.Targets.P99)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the results: %w", err)
	}
	return nil
}

func (r *results) printEmit(table io.Writer) {
	if len(r.Emit) == 0 {
		return
	}
	fmt.Fprintf(table, "\nemit, %d channels, median of %d slices (quartiles)\temit / domain\tnaive / domain\temit / naive\tdomain/s\temit/s\tnaive/s\n",
		r.Load.Emit.Channels, r.Load.Emit.Slices)
	for _, e := range r.Emit {
		fmt.Fprintf(table, "writers: %d\t%s\t%s\t%s\t%.0f\t%.0f\t%.0f\n", e.Writers,
			e.EmitToDomain, e.NaiveToDomain, e.EmitToNaive, e.DomainRate.Median, e.EmitRate.Median, e.NaiveRate.Median)
	}
	most := r.Emit[len(r.Emit)-1]
	verdict := "reached"
	if most.EmitToNaive.Median < r.Targets.EmitToNaive {
		verdict = "MISSED"
	}
	fmt.Fprintf(table, "aim, writers: %d\t\t\tat least %.1f: %s\n", most.Writers, r.Targets.EmitToNaive, verdict)
}

func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", s.Median, s.Q1, s.Q3) }

// commit is the revision of the checkout, or "unknown", and whether there are changes on top of it. The record itself is
// no change: it cannot name the commit that it is part of.
func commit(ctx context.Context) (revision string, changed bool) {
	head, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	if err != nil {
		return "unknown", true
	}
	changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--", ":/", ":(top,exclude)"+record).Output()
	return strings.TrimSpace(string(head)), err != nil || len(changes) > 0
}

// cpu is the processor's name where the system tells it in a file, else nothing.
func cpu() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// loadBefore is the load average of the last minute where the system tells it in a file, else nothing.
func loadBefore() string {
	averages, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(averages), " ")
	return first
}
