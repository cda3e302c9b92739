package monitor

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/migrations"
)

// Config changes [New].
type Config struct {
	// Metrics is what /metrics gives. Defaults to nothing: the path is then not there.
	Metrics prometheus.Gatherer
	// Profiles adds Go's profiles under /debug/pprof/, which tell much of the process to whoever asks. Defaults to false.
	Profiles bool
	// ReadyTimeout ends the question of /readyz to the database. Defaults to 2 s.
	ReadyTimeout time.Duration
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// New returns the handler of a worker that reports to tel and works on pool. A nil config works.
//
// Answers are plain text, 200 if all is well, else 503. /healthz fails only for what starting the process anew may mend:
// a lane that is not looked at although the database answers, or an upkeep that does not come back. /readyz fails while
// the database does not answer, the schema does not fit this binary, or the lanes have not started. What is wrong with
// the database is logged, not told, because its errors name hosts and users.
func New(pool *pgxpool.Pool, tel *telemetry.Telemetry, config *Config) http.Handler {
	var cfg Config
	if config != nil {
		cfg = *config
	}
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	cfg.ReadyTimeout = cmp.Or(cfg.ReadyTimeout, 2*time.Second)
	m := &monitor{pool: pool, tel: tel, cfg: cfg}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", m.health)
	mux.HandleFunc("GET /readyz", m.ready)
	if cfg.Metrics != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(cfg.Metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	}
	if cfg.Profiles {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	}
	return mux
}

type monitor struct {
	pool *pgxpool.Pool
	tel  *telemetry.Telemetry
	cfg  Config
}

func (m *monitor) health(w http.ResponseWriter, _ *http.Request) {
	h := m.tel.Health()
	begin(w, h.Alive())
	if h.Stuck {
		fmt.Fprintln(w, "upkeep stuck")
	}
	for _, lane := range h.Lanes {
		state := "ok"
		if lane.Stuck {
			state = "stuck"
		}
		fmt.Fprintf(w, "%s %s, looked at %s ago\n", lane.Lane, state, lane.Age.Round(time.Millisecond))
	}
}

func (m *monitor) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), m.cfg.ReadyTimeout)
	defer cancel()
	problem := ""
	if err := m.pool.Ping(ctx); err != nil {
		problem = "database unreachable"
		m.cfg.Logger.WarnContext(ctx, "not ready", slog.Any("err", err))
	} else if err := migrations.Check(ctx, m.pool); err != nil {
		problem = "schema does not fit"
		m.cfg.Logger.WarnContext(ctx, "not ready", slog.Any("err", err))
	} else if !m.tel.Health().Started {
		problem = "lanes have not started"
	}
	begin(w, problem == "")
	if problem == "" {
		problem = "ready"
	}
	_, _ = io.WriteString(w, problem+"\n")
}

func begin(w http.ResponseWriter, fine bool) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if !fine {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}
