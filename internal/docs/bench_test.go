package docs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// results is what the page tells of bench/results.json.
type results struct {
	TakenAt time.Time `json:"taken_at"`
	Machine struct {
		CPU      string `json:"cpu"`
		CPUs     int    `json:"cpus"`
		Postgres struct {
			Version string `json:"version"`
			Fsync   string `json:"fsync"`
		} `json:"postgres"`
	} `json:"machine"`
	Load struct {
		Emit struct {
			Channels int `json:"channels"`
		} `json:"emit"`
		Latency struct {
			PerSecond float64 `json:"events_per_second"`
		} `json:"latency"`
	} `json:"load"`
	Emit []struct {
		Writers int    `json:"writers"`
		Domain  median `json:"domain_per_second"`
		Emit    median `json:"emit_per_second"`
		Naive   median `json:"naive_per_second"`
	} `json:"emit"`
	RoundTrips struct {
		Domain int `json:"domain"`
		Emit   int `json:"emit"`
		Naive  int `json:"naive"`
	} `json:"round_trips"`
	Send struct {
		N   int     `json:"n"`
		P50 float64 `json:"p50_ms"`
		P99 float64 `json:"p99_ms"`
	} `json:"commit_to_send"`
}

type median struct {
	Median float64 `json:"median"`
}

// not parallel: with -update it writes the page that others read.
func TestFiguresAreThoseOfTheBench(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "bench", "results.json"))
	require.NoError(t, err)
	var r results
	require.NoError(t, json.Unmarshal(raw, &r))
	readme := read(t, filepath.Join(root, "README.md"))
	first, last := readme.generated(t, "bench")
	readme.expect(t, first, last, r.table())
}

func (r *results) table() string {
	version, _, _ := strings.Cut(r.Machine.Postgres.Version, " ")
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(fmt.Sprintf(format, args...) + "\n") }
	line("| transactions per second, with | the application's rows alone | and an emit on %d channels | and the same rows by hand |",
		r.Load.Emit.Channels)
	line("| --- | --- | --- | --- |")
	for _, e := range r.Emit {
		line("| %s | %.0f | %.0f | %.0f |", plural(e.Writers, "writer"), e.Domain.Median, e.Emit.Median, e.Naive.Median)
	}
	line("")
	line("An emit adds %s to the transaction; by hand it is %d. From commit to send, at %.0f events per second, it takes %.1f ms",
		plural(r.RoundTrips.Emit-r.RoundTrips.Domain, "round trip"), r.RoundTrips.Naive-r.RoundTrips.Domain,
		r.Load.Latency.PerSecond, r.Send.P50)
	line("(median) and %.1f ms (99th percentile). Measured %s on %d CPUs (%s), Postgres %s, fsync %s.", r.Send.P99,
		r.TakenAt.UTC().Format(time.DateOnly), r.Machine.CPUs, r.Machine.CPU, version, r.Machine.Postgres.Fsync)
	return b.String()
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
