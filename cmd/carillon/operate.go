package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/carillon-notify/carillon/receipts"
)

const operateLong = `

Without ids the filters choose, which are those of receipts list; --with-reason is the one for the receipt's own
reason. What fits is counted first, by state; then you are asked, or give --yes. --dry-run stops after the count.
Who (--by) and why (--reason) are written down, and shown by receipts show. An ID is a whole id or its last eight hex
digits; the exit status is 1 if one of them was left alone.

JSON: {"action": …, "dry_run": …, "matched": …, "counts": [{"state": …, "reason": …, "count": …, "chosen": …}],
"operation": {…}, "changed": …, "renewed": …, "skipped": …, "skips": [{"id": …, "state": …, "reason": …}]}`

func newRetryCommand(a *app) *cobra.Command {
	return newOperateCommand(a, receipts.ActionRetry, "Try failed, expired and uncertain receipts again", `Try receipts again that failed,
expired, or may have been lost. Their count of attempts starts anew, a deadline that has passed is lifted, and they
say what they said at first, under the same Message-ID. Only those that failed over their content or address
(failed(render), failed(bad_address)) are rendered anew, to the address that the person has by then. An uncertain
receipt may have arrived: who retries it takes a duplicate into account.`)
}

func newCancelCommand(a *app) *cobra.Command {
	return newOperateCommand(a, receipts.ActionCancel, "End receipts that nobody has begun to send", `End receipts that are pending, waiting or
resolving. What is being sent, or was sent, is left alone.`)
}

func newSendNowCommand(a *app) *cobra.Command {
	return newOperateCommand(a, receipts.ActionSendNow, "Make pending and waiting receipts due at once", `Make pending and waiting receipts due at
once: a delay, the time of a later event, and the wait for another try are over. The rules are asked all the same.`)
}

func newReopenCommand(a *app) *cobra.Command {
	return newOperateCommand(a, receipts.ActionReopen, "Retry, for skipped and cancelled receipts, too", `Do what retry does for skipped and cancelled
receipts, too. The rules are asked again, and may skip them again; a delay that has not passed still holds.`)
}

// operateFlags are what retry, cancel, send-now and reopen take.
type operateFlags struct {
	filterFlags
	why, by     string
	dryRun, yes bool
}

func newOperateCommand(a *app, action receipts.Action, short, long string) *cobra.Command {
	var f operateFlags
	cmd := &cobra.Command{
		Use:   string(action) + " [ID…]",
		Short: short,
		Long:  long + operateLong,
		Example: fmt.Sprintf(`  carillon receipts %s 37c13c6e --reason "ticket 12" --by ann
  carillon receipts %[1]s --transport email --since 1h --reason "ticket 12" --dry-run`, action),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.validate(cmd, args); err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.withDatabase(ctx, func(pool *pgxpool.Pool) error {
				o := &operate{app: a, pool: pool, store: receipts.New(nil), action: action, flags: &f, byID: len(args) > 0}
				if err := o.choose(ctx, args); err != nil {
					return err
				}
				return o.run(ctx)
			})
		},
	}
	f.register(cmd, "with-reason")
	f.registerDeed(cmd)
	return cmd
}

// registerDeed adds who and why, and whether at all.
func (f *operateFlags) registerDeed(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.why, "reason", "", "why, for those who ask later")
	flags.StringVar(&f.by, "by", "", "who does it (default $USER)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "count, and change nothing")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
}

// validate wants a choice, and what validateDeed wants.
func (f *operateFlags) validate(cmd *cobra.Command, ids []string) error {
	filters := 0
	notFilters := []string{"reason", "by", "dry-run", "yes"}
	own := cmd.LocalNonPersistentFlags()
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if own.Lookup(flag.Name) != nil && !slices.Contains(notFilters, flag.Name) {
			filters++
		}
	})
	switch {
	case filters > 0 && len(ids) > 0:
		return usagef("ids and filters exclude each other")
	case filters == 0 && len(ids) == 0:
		return usagef("%s needs ids or a filter, such as --state failed", cmd.CommandPath())
	}
	if err := f.validateDeed(); err != nil {
		return err
	}
	return f.filterFlags.validate(cmd)
}

// validateDeed wants who and why, unless nothing is to be changed.
func (f *operateFlags) validateDeed() error {
	f.by = cmp.Or(f.by, os.Getenv("USER"))
	switch {
	case f.dryRun:
	case strings.TrimSpace(f.why) == "":
		return usagef("--reason is missing (why, for those who ask later)")
	case strings.TrimSpace(f.by) == "":
		return usagef("--by is missing (who does it; there is no $USER)")
	}
	return nil
}

// operate is one run of one of the commands.
type operate struct {
	*app
	pool   *pgxpool.Pool
	store  *receipts.Store
	action receipts.Action
	flags  *operateFlags
	byID   bool
	result operated
}

// operated is what the commands print with --json.
type operated struct {
	Action    receipts.Action     `json:"action"`
	DryRun    bool                `json:"dry_run"`
	Matched   int                 `json:"matched"`
	Counts    []chosenCount       `json:"counts"`
	Operation *receipts.Operation `json:"operation,omitempty"`
	Changed   int                 `json:"changed"`
	Renewed   int                 `json:"renewed"`
	Skipped   int                 `json:"skipped"`
	// Skips are the first of those that were left alone although their state was right, or they were named.
	Skips []receipts.Skip `json:"skips"`
}

// chosenCount tells whether the action starts from the state that is counted.
type chosenCount struct {
	receipts.StateCount
	Chosen bool `json:"chosen"`
}

// maxSkips bounds what is listed.
const maxSkips = 100

func (o *operate) choose(ctx context.Context, args []string) error {
	o.result = operated{Action: o.action, DryRun: o.flags.dryRun, Counts: []chosenCount{}, Skips: []receipts.Skip{}}
	f := &o.flags.filter
	if o.byID {
		ids, err := findReceipts(ctx, o.pool, o.store, args)
		if err != nil {
			return err
		}
		slices.SortFunc(ids, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
		f.IDs, f.Expanded = slices.Compact(ids), true
	} else if err := o.flags.find(ctx, o.pool, o.store); err != nil {
		return err
	}
	counts, err := o.store.Count(ctx, o.pool, *f)
	if err != nil {
		return err
	}
	for _, c := range counts {
		chosen := slices.Contains(o.action.From(), c.State)
		o.result.Counts = append(o.result.Counts, chosenCount{c, chosen})
		if chosen {
			o.result.Matched += c.Count
		}
	}
	return nil
}

func (o *operate) run(ctx context.Context) error {
	if err := o.printCounts(); err != nil {
		return err
	}
	switch {
	case o.flags.dryRun:
		o.say("dry run: nothing was changed; %s would be", fmt.Sprint(o.result.Matched))
		return o.printResult()
	case o.result.Matched == 0 && !o.byID:
		o.say("nothing to %s", o.action)
		return o.printResult()
	}
	if err := o.confirm(ctx); err != nil {
		return err
	}
	if err := o.apply(ctx); err != nil {
		return err
	}
	if err := o.printResult(); err != nil {
		return err
	}
	if o.byID && o.result.Skipped > 0 {
		return fmt.Errorf("%s left alone", receiptsText(o.result.Skipped, "was", "were"))
	}
	return nil
}

func (o *operate) printCounts() error {
	if o.json {
		return nil
	}
	return printRows(o.app, o.result.Counts, listing[chosenCount]{
		header: []string{"state", "reason", "receipts", "what to do"},
		none:   "no receipt matches",
		cells: func(c chosenCount) []any {
			what := "leave alone"
			if c.Chosen {
				what = string(o.action)
			}
			return []any{paintState(c.State), orDash(string(c.Reason)), c.Count, what}
		},
	})
}

// confirm asks whoever sits at the terminal.
func (o *operate) confirm(ctx context.Context) error {
	if o.flags.yes || o.result.Matched == 0 {
		return nil
	}
	what := fmt.Sprintf("%s %s", o.action, receiptsText(o.result.Matched, "", ""))
	nobody := usagef("nobody is here to be asked whether to %s (give --yes to do it, --dry-run to look)", what)
	in, isFile := o.in.(*os.File)
	if !isFile || !isTerminal(in) || !o.watched {
		return nobody
	}
	fmt.Fprintf(o.err, "carillon: %s? [y/N] ", what)
	answers := make(chan string, 1)
	go func() { // A read from a terminal cannot be interrupted; after a signal the process ends, and it with it.
		line, _ := bufio.NewReader(in).ReadString('\n')
		answers <- line
	}()
	select {
	case answer := <-answers:
		switch {
		case answer == "": // The end of the input, as of /dev/null.
			return nobody
		case !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))):
			return errors.New("nothing was changed")
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// apply works through what matches, newest first, so that what is moved cannot come up again.
func (o *operate) apply(ctx context.Context) error {
	filter, err := json.Marshal(o.flags.filter)
	if err != nil {
		return fmt.Errorf("encode the filter: %w", err)
	}
	op, err := o.store.StartOperation(ctx, o.pool, receipts.Operation{
		Action: o.action, Operator: o.flags.by, Reason: o.flags.why, Filter: filter, Matched: o.result.Matched,
	})
	if err != nil {
		return err
	}
	o.result.Operation = op
	advance, end := o.bar()
	defer end()
	if o.byID {
		return o.applyTo(ctx, o.flags.filter.IDs, advance)
	}
	f := o.flags.filter
	f.Limit = maxList
	for {
		ids, err := o.store.IDs(ctx, o.pool, f, o.action.From())
		if err != nil {
			return err
		}
		if err := o.applyTo(ctx, ids, advance); err != nil {
			return err
		}
		if len(ids) < maxList {
			return nil
		}
		f.Before = &ids[len(ids)-1]
	}
}

func (o *operate) applyTo(ctx context.Context, ids []uuid.UUID, advance func(n int)) error {
	done, err := o.store.Apply(ctx, o.pool, o.result.Operation, ids)
	if err != nil {
		return fmt.Errorf("operation %s, after %d receipts: %w", short(o.result.Operation.ID), o.result.Changed, err)
	}
	o.result.Changed += len(done.Changed)
	o.result.Operation.Changed = o.result.Changed
	o.result.Skipped += len(done.Skipped)
	for _, c := range done.Changed {
		if c.Renewed {
			o.result.Renewed++
		}
	}
	o.result.Skips = append(o.result.Skips, done.Skipped[:min(len(done.Skipped), maxSkips-len(o.result.Skips))]...)
	advance(len(ids))
	return nil
}

// bar shows people how far it is, on one line of the terminal.
func (o *operate) bar() (advance func(n int), end func()) {
	if !o.watched || o.result.Matched == 0 {
		return func(int) {}, func() {}
	}
	const width = 30
	done := 0
	advance = func(n int) {
		done += n
		full := min(width, width*done/o.result.Matched)
		fmt.Fprintf(o.err, "\rcarillon: %s [%s%s] %d of %d", o.action, strings.Repeat("#", full),
			strings.Repeat(".", width-full), done, o.result.Matched)
	}
	advance(0)
	return advance, func() { fmt.Fprintln(o.err) }
}

func (o *operate) printResult() error {
	r := o.result
	if o.json {
		return o.printJSON(r)
	}
	if r.Operation == nil {
		return nil
	}
	n := &narrator{app: o.app}
	n.line(0, "operation %s  %s by %s: %s", short(r.Operation.ID), r.Action, r.Operation.Operator, r.Operation.Reason)
	n.line(1, "changed   %s", fmt.Sprint(r.Changed))
	if r.Renewed > 0 {
		n.line(1, "renewed   %s: rendered anew, because their content or address had failed", fmt.Sprint(r.Renewed))
	}
	if r.Skipped > 0 {
		n.line(1, "skipped   %s", fmt.Sprint(r.Skipped))
	}
	for _, s := range r.Skips {
		why := "there is no such receipt"
		if s.State != "" {
			why = "it is " + stateText(s.State, s.Reason)
		}
		n.line(2, "%s: %s", short(s.ID), why)
	}
	if rest := r.Skipped - len(r.Skips); rest > 0 {
		n.line(2, "and %s more", fmt.Sprint(rest))
	}
	return o.print(n.String())
}

// receiptsText is a number of receipts, and a verb that fits.
func receiptsText(n int, one, many string) string {
	if n == 1 {
		return strings.TrimSpace("1 receipt " + one)
	}
	return strings.TrimSpace(fmt.Sprintf("%d receipts %s", n, many))
}
