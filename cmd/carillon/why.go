package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
)

func newWhyCommand(a *app) *cobra.Command {
	var recipient, tenant string
	cmd := &cobra.Command{
		Use:   "why EVENT_ID --recipient ID",
		Short: "Explain what a person got of an event, what not, and every reason",
		Long: `Explain what became of an event for one person, or for one fixed address: every receipt that names them, what
each rule decided and by which row, and every attempt. EVENT_ID is a whole id or its last eight hex digits.

A person whom no receipt names is an answer too, not a failure; channels whose recipients are not found yet, and
channels that ended before, are told then. With --config the audience of every channel is found anew for such a
person, by the declarations of that file, and the answer says whether they are in it now. It may have been another
when the event happened.

JSON: {"event": {…}, "recipient": …, "receipts": [{"receipt": {…}, "decisions": [{"decided_at": …, "implied": …,
"verdicts": [{"rule": …, "verdict": …, "reason": …, "row": {"table": …, …}, "detail": …}]}], "attempts": [{…}],
"rendered_at": …, "files": [{"name": …, "media_type": …, "content_id": …, "sha256": …, "size": …}]}], "unresolved": [receipts], "ended": [receipts], "judged_now": …, "channels": [{"channel": …,
"transport": …, "audience": …, "member": …, "detail": …}], "hint": …}

"judged_now" is there if no receipt names the recipient: true with --config, and "channels" are told then. "member" is
null for an audience that could not be found. "hint" says why nothing was judged.

"implied" marks a run of the rules of which nothing was stored, because every rule passed and none had anything to
say. "verdict" is pass, skip or expire; the first that does not pass decided.`,
		Example: `  carillon why 4f0c2ab1 --recipient 42
  carillon why 4f0c2ab1 --recipient 43 --config carillon.yaml`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if recipient == "" {
				return usagef("--recipient is missing (a person's id, or a fixed address)")
			}
			params := receipts.WhyParams{Recipient: recipient, Rules: pipeline.Rules()}
			if cmd.Flags().Changed("tenant") {
				params.Tenant = &tenant
			}
			return a.why(cmd.Context(), args[0], params)
		},
	}
	cmd.Flags().StringVar(&recipient, "recipient", "", "the person's id, or a fixed address")
	cmd.Flags().StringVar(&tenant, "tenant", "", "the event's tenant, to be sure of it")
	return cmd
}

// whyAnswer is what `carillon why --json` prints.
type whyAnswer struct {
	*receipts.Explanation
	// JudgedNow is nil if a receipt names the recipient: there is nothing to judge then.
	JudgedNow *bool                 `json:"judged_now,omitempty"`
	Channels  []pipeline.Membership `json:"channels,omitempty"`
	// Hint says why nothing was judged, and the way out.
	Hint string `json:"hint,omitempty"`
}

func (a *app) why(ctx context.Context, event string, params receipts.WhyParams) error {
	var file *config.File
	if a.configPath != "" {
		var err error
		if file, err = a.loadConfig(); err != nil {
			return err
		}
		a.fallBackTo(file)
	}
	return a.withSnapshot(ctx, func(tx pgx.Tx) error {
		explained, err := findWhy(ctx, tx, event, params)
		if err != nil {
			return err
		}
		answer := &whyAnswer{Explanation: explained}
		if err := a.judgeNow(ctx, tx, file, answer); err != nil {
			return err
		}
		if a.json {
			return a.printJSON(answer)
		}
		return a.print(a.narrateWhy(answer))
	})
}

func findWhy(ctx context.Context, db receipts.DB, text string, params receipts.WhyParams) (*receipts.Explanation, error) {
	store := receipts.New(nil)
	id, err := store.FindEvent(ctx, db, strings.ToLower(text))
	if err != nil {
		return nil, err
	}
	params.EventID = id
	return store.Why(ctx, db, params)
}

// judgeNow asks the audiences about somebody whom no receipt names. Without a file it cannot.
func (a *app) judgeNow(ctx context.Context, tx pgx.Tx, file *config.File, answer *whyAnswer) error {
	if len(answer.Receipts) > 0 {
		return nil
	}
	judged := false
	answer.JudgedNow = &judged
	if file == nil {
		answer.Hint = "whether the audiences name them is not known without the declarations (give --config carillon.yaml)"
		return nil
	}
	planner, err := a.newPlanner(file)
	if err != nil {
		return err
	}
	answer.Channels, err = planner.Judge(ctx, tx, answer.Event, answer.Recipient)
	if errors.Is(err, dispatch.ErrUnknownEvent) {
		answer.Hint = fmt.Sprintf("whether the audiences name them is not known: %s does not declare %s", a.configPath, answer.Event.Name)
		return nil
	}
	judged = err == nil
	return err
}

func (a *app) narrateWhy(e *whyAnswer) string {
	n := &narrator{app: a}
	n.event(&e.Event)
	for i := range e.Receipts {
		n.account(&e.Receipts[i])
	}
	if len(e.Receipts) == 0 {
		n.line(0, "no receipt of this event names %s", e.Recipient)
	}
	for _, r := range e.Unresolved {
		n.line(0, "channel %s is not resolved yet: %s%s, receipt %s", r.Channel, paintState(r.State), inBrackets(string(r.Reason)), short(r.ID))
	}
	for _, r := range e.Ended {
		n.line(0, "channel %s ended before anybody was found: %s%s, receipt %s", r.Channel, paintState(r.State), inBrackets(string(r.Reason)), short(r.ID))
	}
	n.judgedNow(e)
	return n.String()
}

func (n *narrator) judgedNow(e *whyAnswer) {
	if e.Hint != "" {
		n.line(0, "%s", e.Hint)
	}
	if e.JudgedNow == nil || !*e.JudgedNow {
		return
	}
	n.line(0, "the audiences, judged now by the declarations at hand, not as of the event:")
	for _, m := range e.Channels {
		verdict := "not known"
		if m.Member != nil {
			verdict = map[bool]string{true: "yes", false: "no"}[*m.Member]
		}
		n.line(1, "%s %s%s", m.Channel, verdict, dashed(m.Detail))
	}
}
