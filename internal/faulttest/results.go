package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// recordPath is where results are kept.
const recordPath = "internal/faulttest/results.json"

// The verdicts on a row.
const (
	passed = "pass"
	failed = "FAIL"
	notRun = "not run"
)

// result is what a row came to over all its seeds: sums, and the longest settling.
type result struct {
	Row      string    `json:"row"`
	What     string    `json:"what"`
	Size     string    `json:"size"`
	Form     string    `json:"form"`
	Seeds    int       `json:"seeds"`
	Lost     int       `json:"lost"`
	Invented int       `json:"invented"`
	Dup      int       `json:"dup"`
	Bound    int       `json:"bound"`
	Settle   float64   `json:"settle_seconds"`
	Facts    []string  `json:"facts,omitempty"`
	Verdict  string    `json:"verdict"`
	Why      string    `json:"why,omitempty"`
	At       time.Time `json:"at"`
}

func newResult(r *row, full bool) *result {
	total := &result{Row: r.id, What: r.what, Form: "short", Verdict: passed, At: time.Now().UTC().Truncate(time.Second)}
	if full {
		total.Form = "full"
	}
	if r.size != nil {
		total.Size = r.size(full)
	}
	return total
}

func (r *result) add(o *outcome) {
	r.Seeds++
	r.Lost += o.Lost
	r.Invented += o.Invented
	r.Dup += o.Dup
	r.Bound += o.Bound
	r.Settle = max(r.Settle, o.settle.Round(100*time.Millisecond).Seconds())
	r.Facts = o.facts
	if !o.OK() {
		r.Verdict = failed
	}
}

func (o *outcome) summary() string {
	text := fmt.Sprintf("lost %d, invented %d, dup %d of at most %d, settled in %s",
		o.Lost, o.Invented, o.Dup, o.Bound, o.settle.Round(100*time.Millisecond))
	if len(o.facts) > 0 {
		text += "; " + strings.Join(o.facts, "; ")
	}
	return text
}

func printResults(out io.Writer, results []*result) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ROW\tSEEDS\tLOST\tINVENTED\tDUP/BOUND\tSETTLE\tVERDICT\tWHAT")
	for _, r := range results {
		verdict := r.Verdict
		if r.Why != "" {
			verdict += ": " + r.Why
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d/%d\t%.1fs\t%s\t%s\n",
			r.Row, r.Seeds, r.Lost, r.Invented, r.Dup, r.Bound, r.Settle, verdict, r.What)
	}
	return table.Flush()
}

// withMissing adds the rows that never ran, and takes out those that are gone.
func withMissing(kept []*result) []*result {
	all := rows()
	kept = slices.DeleteFunc(kept, func(r *result) bool {
		return !slices.ContainsFunc(all, func(one *row) bool { return one.id == r.Row })
	})
	for _, r := range all {
		if slices.ContainsFunc(kept, func(one *result) bool { return one.Row == r.id }) {
			continue
		}
		missing := newResult(r, true)
		missing.Verdict, missing.Why = notRun, "nobody has recorded a run of it yet"
		kept = append(kept, missing)
	}
	return kept
}

// record puts the results in the file, in place of older ones of the same rows.
func record(results []*result) error {
	var kept []*result
	raw, err := os.ReadFile(recordPath)
	if err == nil {
		err = json.Unmarshal(raw, &kept)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read %s: %w", recordPath, err)
	}
	older := slices.Clone(kept)
	kept = slices.DeleteFunc(kept, func(old *result) bool {
		return slices.ContainsFunc(results, func(r *result) bool { return r.Row == old.Row })
	})
	for _, r := range results {
		// A short run says less than a full one, unless it failed.
		i := slices.IndexFunc(older, func(old *result) bool { return old.Row == r.Row })
		if i >= 0 && older[i].Form == "full" && older[i].Verdict == passed && r.Form == "short" && r.Verdict != failed {
			r = older[i]
		}
		kept = append(kept, r)
	}
	kept = withMissing(kept)
	slices.SortFunc(kept, func(a, b *result) int { return cmp.Compare(a.Row, b.Row) })
	raw, err = json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(recordPath, append(raw, '\n'), 0o644)
}
