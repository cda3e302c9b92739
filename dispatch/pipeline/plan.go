package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	modes "github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/internal/registry"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// PlanOutcome is what would become of one receipt.
type PlanOutcome string

// The outcomes of a plan.
const (
	// PlanSend would be handed to its transport. What the provider then answers, no plan can know.
	PlanSend PlanOutcome = "send"
	// PlanSkip would be refused by a rule, or has an audience of nobody.
	PlanSkip PlanOutcome = "skip"
	// PlanFail would end without a send, for instance because a variable is missing.
	PlanFail PlanOutcome = "fail"
	// PlanExpire would be past its deadline.
	PlanExpire PlanOutcome = "expire"
	// PlanRetry would be tried again, because a function or query of the application failed.
	PlanRetry PlanOutcome = "retry"
)

// PlanOutcomes lists them in the order of a plan's totals.
func PlanOutcomes() []PlanOutcome {
	return []PlanOutcome{PlanSend, PlanSkip, PlanExpire, PlanRetry, PlanFail}
}

// Plan is what an emit would lead to. Its JSON is what `carillon plan --json` prints.
type Plan struct {
	// Event is the occurrence as it would be stored; a real emit gives another id and time.
	Event receipts.Event `json:"event"`
	// Duplicate means that nothing would be written, because Event was emitted before with the same idempotency key.
	Duplicate bool `json:"duplicate,omitempty"`
	// Totals count all recipients, by channel in the order of the declaration, then by outcome and reason.
	Totals []PlanTotal `json:"totals"`
	// Recipients are all of them, by channel in the order of the declaration, then by id and address.
	Recipients []Planned `json:"recipients"`
}

// PlanTotal counts the recipients of one channel with one outcome.
type PlanTotal struct {
	Channel string          `json:"channel"`
	Outcome PlanOutcome     `json:"outcome"`
	Reason  receipts.Reason `json:"reason,omitempty"`
	Count   int             `json:"count"`
	// Rendered is how many of them have a body in the plan.
	Rendered int `json:"rendered"`
}

// Planned is what would become of one receipt.
type Planned struct {
	Channel   string `json:"channel"`
	Transport string `json:"transport"`
	Audience  string `json:"audience"`
	// Recipient is the person's id. It is empty for a fixed address, and both are where nobody was found.
	Recipient string      `json:"recipient,omitempty"`
	Address   string      `json:"address,omitempty"`
	Outcome   PlanOutcome `json:"outcome"`
	// Reason is the receipt's reason, except for a send.
	Reason receipts.Reason `json:"reason,omitempty"`
	// Detail says more, in words: what the rule that decided said, or what failed.
	Detail string `json:"detail,omitempty"`
	// OnUnknown is what becomes of a send whose answer is lost; empty where nothing is sent, or no answer can be lost.
	OnUnknown transports.OnUnknown `json:"on_unknown,omitempty"`
	// When is the time at which the outcome comes about: a delayed send is planned as of its own time.
	When time.Time `json:"when"`
	// Verdicts are what each rule said, in their order. Empty if the rules were not asked.
	Verdicts []receipts.Verdict `json:"verdicts"`
	// Body is what would be stored and sent; nil if nothing would, or if the limit of rendering was reached.
	Body *receipts.Body `json:"body,omitempty"`
}

// Sends counts what would be sent.
func (p *Plan) Sends() int { return p.count(PlanSend) }

// Troubles counts what would fail, now or after retries.
func (p *Plan) Troubles() int { return p.count(PlanFail) + p.count(PlanRetry) }

func (p *Plan) count(outcome PlanOutcome) int {
	n := 0
	for _, t := range p.Totals {
		if t.Outcome == outcome {
			n += t.Count
		}
	}
	return n
}

// PlannerConfig changes a [Planner].
type PlannerConfig struct {
	// Retry is the policy of the workers, which tells a retry from a failure.
	Retry flow.RetryPolicy
	// Transports are those of the workers. They are asked what a worker asks them before a send: where a message goes
	// ([transports.Targeted]), and the bytes that would be stored ([transports.Encoder]). None is asked to send. A channel
	// whose transport is not among them is planned as if every address were open. Defaults to none.
	Transports []transports.Transport
	// Delivery is that of the workers: a plan says what would be captured, and which address would get what is redirected.
	Delivery *modes.Config
	// Attachments is that of the workers: a plan says which files would go along.
	Attachments *attachments.Config
	// Logger takes the stacks of contained panics. Defaults to slog.Default().
	Logger *slog.Logger
}

// Planner says what an emit would lead to, without one. It runs the very stages of [Pipeline.Run], in a transaction that
// it always rolls back. It is safe for concurrent use.
type Planner struct {
	dispatcher *dispatch.Dispatcher
	cfg        PlannerConfig
}

// NewPlanner returns a planner over the declarations of d. A nil config works. The transports of d need not be linked:
// a plan has none that could send.
func NewPlanner(d *dispatch.Dispatcher, cfg *PlannerConfig) (*Planner, error) {
	if d == nil {
		return nil, errors.New("new planner: the dispatcher is missing")
	}
	p := &Planner{dispatcher: d}
	if cfg != nil {
		p.cfg = *cfg
	}
	p.cfg.Logger = cmp.Or(p.cfg.Logger, slog.Default())
	return p, nil
}

// PlanParams says what to plan.
type PlanParams struct {
	// Event is the event's full name, such as "orders.created".
	Event string
	// Data is the payload: a JSON object.
	Data json.RawMessage
	// Emit are the options of the emit; nil for none. A KeyFunc is not asked: give ResourceID where it matters.
	Emit *dispatch.EmitOpts
	// Render is how many recipients of each channel are rendered, the first by id. The others are found and decided, but
	// not rendered, and count as sends. Defaults to 20; negative renders nobody.
	Render int
}

// defaultRender is [PlanParams.Render] for those who do not say.
const defaultRender = 20

// Plan emits the event, finds everybody, asks every rule and renders, all in a transaction on db that it rolls back.
// Nothing is sent, and nothing remains, but used numbers of sequences. The clock moves on, so
// that delayed messages are planned as well; what people chose and read, and who is in an audience, is as of now.
//
// Functions of the application run as they would for a send, on the one connection of the plan: what they read and
// write through it is rolled back, what they do elsewhere is not. While it runs, a plan with an idempotency key makes
// an emit with the same key wait.
//
// Errors are those of [dispatch.Handle.EmitTx], and the database's.
func (p *Planner) Plan(ctx context.Context, db receipts.DB, params PlanParams) (*Plan, error) {
	declared, known := p.dispatcher.Registry().Event(params.Event)
	if !known {
		return nil, fmt.Errorf("plan %s: %w", params.Event, dispatch.ErrUnknownEvent)
	}
	var plan *Plan
	err := rolledBack(ctx, db, func(tx pgx.Tx) error {
		handle := dispatch.For(p.dispatcher, dispatch.Resource[json.RawMessage]{Name: declared.ResourceType})
		name := strings.TrimPrefix(declared.Name, declared.ResourceType+".")
		emitted, err := handle.EmitTx(ctx, tx, name, params.Data, params.Emit)
		if err != nil {
			return err
		}
		plan, err = p.planEvent(ctx, tx, declared, emitted, params)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("plan %s: %w", params.Event, err)
	}
	return plan, nil
}

func (p *Planner) planEvent(
	ctx context.Context, tx pgx.Tx, declared *registry.Event, emitted dispatch.Emitted, params PlanParams,
) (*Plan, error) {
	event, err := receipts.New(nil).GetEvent(ctx, tx, emitted.EventID)
	if err != nil {
		return nil, err
	}
	pl := &planning{
		db: forgivingDB{tx}, event: declared, now: event.CreatedAt,
		limit: max(0, cmp.Or(params.Render, defaultRender)), rendered: map[string]int{},
	}
	plan := &Plan{Event: *event, Duplicate: emitted.Duplicate, Totals: []PlanTotal{}, Recipients: []Planned{}}
	if plan.Duplicate {
		return plan, nil
	}
	pl.store = receipts.New(&receipts.Config{NowFunc: func() time.Time { return pl.now }})
	if pl.pipeline, err = p.pipeline(pl.store); err != nil {
		return nil, err
	}
	if err := pl.run(ctx, event.ID); err != nil {
		return nil, err
	}
	plan.Recipients, plan.Totals = pl.recipients(), pl.totals()
	return plan, nil
}

// pipeline is one whose transports have no way to send.
func (p *Planner) pipeline(store *receipts.Store) (*Pipeline, error) {
	cfg := &Config{Dispatcher: p.dispatcher, Delivery: p.cfg.Delivery, Attachments: p.cfg.Attachments, Store: store, Retry: p.cfg.Retry, Logger: p.cfg.Logger}
	for _, spec := range p.dispatcher.Registry().Specs() {
		stand := &standIn{spec: spec}
		for _, t := range p.cfg.Transports {
			if t.Name() == spec.Name {
				stand.targeted, _ = t.(transports.Targeted)
				stand.encoder, _ = t.(transports.Encoder)
			}
		}
		cfg.Transports = append(cfg.Transports, stand)
	}
	return New(cfg)
}
