package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	modes "github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/internal/registry"
	"github.com/carillon-notify/carillon/dispatch/telemetry"
	"github.com/carillon-notify/carillon/internal/failpoint"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// Config is what a pipeline is made of.
type Config struct {
	// Dispatcher holds the declarations.
	Dispatcher *dispatch.Dispatcher
	// Transports carry the messages.
	Transports []transports.Transport
	// Store moves the receipts. Defaults to receipts.New(nil).
	Store *receipts.Store
	// Senders is how many sends are under way at once. Defaults to 32.
	Senders int
	// Stop, once closed, lets the sends that are under way finish; what has not begun is given back. Nil never closes.
	Stop <-chan struct{}
	// RecordEvery is how often finished sends are recorded while senders are free and others of the batch go on; with none
	// free it is sooner. Until then each keeps its sender, and is sent twice if the process dies. Defaults to 20 ms.
	RecordEvery time.Duration
	// SendTimeout ends a send. Defaults to 180 s, for mail servers that take their time.
	SendTimeout time.Duration
	// Retry replaces numbers of how failed sends are tried again. Defaults to none: each event's retry decides.
	Retry flow.RetryPolicy
	// Gate says what may be sent now. Give all pipelines of a process the same. Defaults to one of its own.
	Gate *flow.Gate
	// Telemetry counts and traces attempts. Defaults to none.
	Telemetry *telemetry.Telemetry
	// Delivery says where messages go that leave the house. Defaults to their recipients.
	Delivery *modes.Config
	// Attachments says where files are that go with messages, and how much goes along. Defaults to no folder, and the
	// limits of [attachments.Config].
	Attachments *attachments.Config
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Pipeline runs batches. It is safe for concurrent use; its senders are shared by all of them.
type Pipeline struct {
	dispatcher  *dispatch.Dispatcher
	registry    *registry.Registry
	transports  map[string]transports.Transport
	store       *receipts.Store
	slots       chan struct{}
	backlog     backlog
	stop        <-chan struct{}
	recordEvery time.Duration
	sendTimeout time.Duration
	retry       flow.RetryPolicy
	gate        *flow.Gate
	telemetry   *telemetry.Telemetry
	delivery    *modes.Config
	attachments *attachments.Config
	logger      *slog.Logger
}

// New checks the config and returns the pipeline.
func New(cfg *Config) (*Pipeline, error) {
	if cfg == nil || cfg.Dispatcher == nil {
		return nil, fmt.Errorf("new pipeline: Config.Dispatcher is missing")
	}
	if cfg.Senders < 0 || cfg.Senders > 10_000 {
		return nil, fmt.Errorf("new pipeline: Config.Senders is %d (1 to 10000)", cfg.Senders)
	}
	p := &Pipeline{
		dispatcher:  cfg.Dispatcher,
		registry:    cfg.Dispatcher.Registry(),
		transports:  map[string]transports.Transport{},
		store:       cmp.Or(cfg.Store, receipts.New(nil)),
		slots:       make(chan struct{}, cmp.Or(cfg.Senders, 32)),
		backlog:     backlog{changed: make(chan struct{}, 1)},
		stop:        cfg.Stop,
		recordEvery: cmp.Or(cfg.RecordEvery, 20*time.Millisecond),
		sendTimeout: cmp.Or(cfg.SendTimeout, 180*time.Second),
		retry:       cfg.Retry,
		gate:        cmp.Or(cfg.Gate, flow.New(&flow.Config{Logger: cfg.Logger})),
		telemetry:   cfg.Telemetry,
		delivery:    cfg.Delivery,
		attachments: cfg.Attachments,
		logger:      cmp.Or(cfg.Logger, slog.Default()),
	}
	for _, wrong := range cfg.Delivery.Check(p.registry.Specs()) {
		return nil, fmt.Errorf("new pipeline: Config.Delivery: %s: %s", wrong.Key, wrong.Message)
	}
	for _, wrong := range cfg.Attachments.Check() {
		return nil, fmt.Errorf("new pipeline: Config.Attachments: %s: %s", wrong.Key, wrong.Message)
	}
	for _, t := range cfg.Transports {
		if _, twice := p.transports[t.Name()]; twice {
			return nil, fmt.Errorf("new pipeline: Config.Transports has %q twice", t.Name())
		}
		if _, can := t.(transports.Prober); t.Spec().Probes && !can {
			return nil, fmt.Errorf("new pipeline: transport %q says that it can be asked for a message, and is no transports.Prober", t.Name())
		}
		p.transports[t.Name()] = t
	}
	return p, nil
}

// run is one batch on its way.
type run struct {
	*Pipeline
	db    receipts.DB
	batch *receipts.Batch
	items []*item
	// ahead is how many items have neither begun to be sent nor been settled.
	ahead int
	// began is when the batch was claimed, by this process's clock.
	began time.Time
	// planned batches are rolled back, and so store no contents of files.
	planned bool
}

// stage is one step of a batch.
type stage struct {
	name string
	run  func(context.Context) error
	// outward stages commit to a send. A plan ends before the first of them.
	outward bool
}

// stageRender names the stage that a plan holds back for large audiences.
const stageRender = "render"

// stages is the one order of the steps, of sends and plans alike.
func (r *run) stages() []stage {
	return []stage{
		{name: "match", run: r.match},
		{name: "resolve", run: r.resolve},
		{name: "decide", run: r.decide},
		{name: "target", run: r.target},
		{name: stageRender, run: r.render},
		{name: "divert", run: r.divert},
		{name: "capture", run: r.capture, outward: true},
		{name: "admit", run: r.admit, outward: true},
		{name: "deliver", run: r.deliver, outward: true},
		{name: "report", run: r.report, outward: true},
	}
}

// take runs one stage and says of which batch an error is.
func (r *run) take(ctx context.Context, s stage) error {
	if err := s.run(ctx); err != nil {
		return fmt.Errorf("%s batch of %d: %w", s.name, len(r.items), err)
	}
	return nil
}

// Run takes a claimed batch through all stages and ends its lease. The statements run on db; with a transaction they
// become part of it.
//
// An error is the database's. The receipts that had no result yet then stay leased until the lease expires, or until
// somebody gives them back.
func (p *Pipeline) Run(ctx context.Context, db receipts.DB, batch *receipts.Batch) error {
	return p.Begin(db, batch)(ctx)
}

// Begin counts the batch as waiting for senders, and returns what [Pipeline.Run] would do with it. Whoever asks for
// [Pipeline.Room] before that has run is told the truth.
func (p *Pipeline) Begin(db receipts.DB, batch *receipts.Batch) func(context.Context) error {
	r := p.begin(db, batch)
	r.leave(-len(r.items))
	return r.all
}

// all takes the batch through all stages.
func (r *run) all(ctx context.Context) error {
	failpoint.Pass(failpoint.C1)
	defer func() { r.leave(r.ahead) }()
	for _, s := range r.stages() {
		if s.outward && r.stopping() {
			return r.release(ctx, r.items)
		}
		if err := r.take(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pipeline) begin(db receipts.DB, batch *receipts.Batch) *run {
	return &run{Pipeline: p, db: db, batch: batch, items: newItems(batch), began: time.Now()}
}

// drop takes an item out of the batch without a result.
func (r *run) drop(gone *item) {
	r.items = slices.DeleteFunc(r.items, func(it *item) bool { return it == gone })
}

// open lists the items that no stage has settled yet.
func (r *run) open() []*item {
	var open []*item
	for _, it := range r.items {
		if it.result == nil {
			open = append(open, it)
		}
	}
	return open
}
