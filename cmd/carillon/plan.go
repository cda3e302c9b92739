package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

const (
	// listedPlanned is how many recipients people are shown; --json has all of them.
	listedPlanned = 50
	// quotedPlanned is how many contents of each channel people are shown.
	quotedPlanned = 2
)

// planFlags are the flags of `carillon plan` as they were given.
type planFlags struct {
	data, at, priority string
	render             int
	emit               dispatch.EmitOpts
}

func newPlanCommand(a *app) *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan EVENT",
		Short: "Say who would get what of an event, and why, without emitting it",
		Long: `Say what an emit of EVENT would lead to: for each recipient whether they would be sent to, the reason if not,
when, and the finished text. The declarations are those of --config (default carillon.yaml), published or not.

A plan runs what a worker runs, up to the send, in a transaction that is rolled back. Nothing is sent and nothing is
stored. Delayed messages are planned as of their own time; people, preferences and audiences as of now. What a
provider would answer is not known. The data is given as for carillon emit; the options are those of an emit.

Of each channel the first --render recipients are rendered. The others are found and judged only, and count as sends.

The exit status is 0 if something would be sent and nothing would fail; 1 if nothing would be sent, or if a message
does not render, or if a function or query of the application fails; 2 if the arguments are wrong or EVENT is not
declared. The plan is printed with 1 as well.

JSON: {"event": {…}, "duplicate": …, "totals": [{"channel": …, "outcome": …, "reason": …, "count": …, "rendered": …}],
"recipients": [{"channel": …, "transport": …, "audience": …, "recipient": …, "address": …, "outcome": …, "reason": …,
"detail": …, "on_unknown": …,
"when": …, "verdicts": [{"rule": …, "verdict": …, "reason": …, "row": {"table": …, …}, "detail": …}],
"body": {"content": {…}, "recipient": {…}, "files": [{"name": …, "media_type": …, "sha256": …, "size": …}],
"category": …, "notification_type": …}}]}

"outcome" is send, skip, expire, retry or fail. "duplicate" means that nothing would be written, because the same event
was emitted before with that --key; "event" is then that one.`,
		Example: `  carillon plan orders.created --data '{"order_number": "A7", "user_id": "1"}'
  carillon plan orders.created --data @order.json --json | jq '.totals'`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			params, err := f.params(a, args[0])
			if err != nil {
				return err
			}
			file, err := a.loadConfig()
			if err != nil {
				return err
			}
			a.fallBackTo(file)
			plan, err := a.plan(cmd.Context(), file, params)
			if err != nil {
				return err
			}
			return a.reportPlan(plan)
		},
	}
	f.add(cmd)
	return cmd
}

// add declares the flags; those of the emit are called as in carillon emit.
func (f *planFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&f.render, "render", 20, "how many recipients of each channel to render")
	flags.StringVar(&f.data, "data", "{}", "the event's data: JSON, @file, or - for standard input")
	flags.StringVar(&f.emit.Tenant, "tenant", "", "the tenant")
	flags.StringVar(&f.emit.Actor, "actor", "", "who did it")
	flags.StringVar(&f.emit.IdempotencyKey, "key", "", "an idempotency key, unique in the tenant")
	flags.StringVar(&f.at, "at", "", "when, as 2026-01-31T08:00:00Z (default now)")
	flags.StringVar(&f.emit.ResourceType, "resource-type", "", "what the event is about (default the event's resource)")
	flags.StringVar(&f.emit.ResourceID, "resource-id", "", "which one it is about")
	flags.StringVar(&f.priority, "priority", "", "critical, default or bulk (default the event's own)")
}

func (f *planFlags) params(a *app, event string) (p pipeline.PlanParams, err error) {
	if f.render < 0 {
		return p, usagef("--render %d is negative", f.render)
	}
	p = pipeline.PlanParams{Event: event, Emit: &f.emit, Render: f.render}
	if f.render == 0 {
		p.Render = -1 // Zero is the default there.
	}
	if f.emit.At, f.emit.Priority, err = parseEmit(f.at, f.priority); err != nil {
		return p, err
	}
	p.Data, err = a.readData(f.data)
	return p, err
}

// newPlanner is one for the declarations of a file, with its workers' policy and transports.
func (a *app) newPlanner(file *config.File) (*pipeline.Planner, error) {
	return pipeline.NewPlanner(file.Dispatcher, &pipeline.PlannerConfig{
		Transports:  file.Transports,
		Delivery:    file.Delivery,
		Attachments: file.Attachments,
		Logger:      a.logger(),
		Retry:       retryPolicy(file.Worker.Retry),
	})
}

func (a *app) plan(ctx context.Context, file *config.File, params pipeline.PlanParams) (plan *pipeline.Plan, err error) {
	defer func() { err = errors.Join(err, closeTransports(ctx, file.Transports)) }()
	planner, err := a.newPlanner(file)
	if err != nil {
		return nil, err
	}
	err = a.withDatabase(ctx, func(pool *pgxpool.Pool) (err error) {
		plan, err = planner.Plan(ctx, pool, params)
		return err
	})
	invalid, ok := errors.AsType[*dispatch.InvalidError](err)
	switch {
	case ok:
		return nil, &usageError{invalid}
	case errors.Is(err, dispatch.ErrUnknownEvent):
		return nil, &usageError{err}
	}
	return plan, err
}

// reportPlan prints the plan, and returns an error if a script should stop at it.
func (a *app) reportPlan(plan *pipeline.Plan) error {
	if err := a.printPlan(plan); err != nil {
		return err
	}
	switch troubles := plan.Troubles(); {
	case plan.Duplicate:
		return fmt.Errorf("nothing would be sent: event %s was emitted before with that key", short(plan.Event.ID))
	case troubles > 0:
		return fmt.Errorf("%s would fail", count(troubles, "message"))
	case plan.Sends() == 0:
		return errors.New("nothing would be sent")
	}
	return nil
}

func (a *app) printPlan(plan *pipeline.Plan) error {
	if a.json {
		return a.printJSON(plan)
	}
	err := printRows(a, plan.Recipients[:min(len(plan.Recipients), listedPlanned)], listing[pipeline.Planned]{
		header: []string{"recipient", "channel", "outcome", "reason", "when", "address"},
		none:   "the event has no recipients",
		cells: func(p pipeline.Planned) []any {
			return []any{
				plannedFor(p), p.Channel, paintOutcome(p.Outcome), orDash(string(p.Reason)), when(p.When),
				orDash(p.Address),
			}
		},
	})
	if err != nil {
		return err
	}
	return a.print(a.narratePlan(plan))
}

func (a *app) narratePlan(plan *pipeline.Plan) string {
	n := &narrator{app: a}
	if more := len(plan.Recipients) - listedPlanned; more > 0 {
		n.line(0, "… and %s more (--json has all)", fmt.Sprint(more))
	}
	n.line(0, "")
	policies := map[string]transports.OnUnknown{}
	for _, p := range plan.Recipients {
		policies[p.Channel] = cmp.Or(policies[p.Channel], p.OnUnknown)
	}
	for _, t := range plan.Totals {
		rendered := ""
		if t.Outcome == pipeline.PlanSend && t.Rendered < t.Count {
			rendered = fmt.Sprintf(", %d of them rendered", t.Rendered)
		}
		if t.Outcome == pipeline.PlanSend {
			rendered += onUnknown[policies[t.Channel]]
		}
		n.line(0, "%s: %s %s%s%s", t.Channel, fmt.Sprint(t.Count), paintOutcome(t.Outcome), inBrackets(string(t.Reason)), rendered)
	}
	n.troubles(plan)
	quoted := map[string]int{}
	for _, p := range plan.Recipients {
		if p.Body == nil || quoted[p.Channel] >= quotedPlanned {
			continue
		}
		quoted[p.Channel]++
		n.line(0, "")
		n.line(0, "%s to %s:", p.Channel, plannedFor(p))
		for _, field := range p.Body.Content.Fields() {
			if *field.Value != "" {
				n.text(1, field.Name, *field.Value)
			}
		}
		n.files(p.Body.Files)
	}
	return n.String()
}

// onUnknown says what a channel does that does not simply send again.
var onUnknown = map[transports.OnUnknown]string{
	transports.Park:  "; parked for an operator if the answer is lost",
	transports.Probe: "; the provider is asked if the answer is lost",
}

// troubles says what fails, each cause once.
func (n *narrator) troubles(plan *pipeline.Plan) {
	told := map[string]bool{}
	for _, p := range plan.Recipients {
		if p.Outcome != pipeline.PlanFail && p.Outcome != pipeline.PlanRetry || told[p.Channel+p.Detail] {
			continue
		}
		told[p.Channel+p.Detail] = true
		n.line(0, "%s to %s: %s", p.Channel, plannedFor(p), p.Detail)
	}
}

func plannedFor(p pipeline.Planned) string {
	return recipientOf(receipts.Receipt{Recipient: p.Recipient, Address: p.Address})
}

func paintOutcome(o pipeline.PlanOutcome) painted {
	colours := map[pipeline.PlanOutcome]text.Color{
		pipeline.PlanSend: text.FgGreen, pipeline.PlanFail: text.FgRed, pipeline.PlanExpire: text.FgRed,
		pipeline.PlanRetry: text.FgYellow,
	}
	colour, known := colours[o]
	if !known {
		colour = text.Reset
	}
	return painted{string(o), colour}
}
