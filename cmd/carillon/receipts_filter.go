package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/carillon-notify/carillon/receipts"
)

// filterFlags choose receipts.
type filterFlags struct {
	filter                                receipts.Filter
	state, reason, eventID, tenant        string
	resource, since, until, errorContains string
}

// register adds the filters. reasonFlags are the names of the one for the receipt's reason.
func (f *filterFlags) register(cmd *cobra.Command, reasonFlags ...string) {
	flags := cmd.Flags()
	flags.StringVar(&f.state, "state", "", "only those in this state, such as failed")
	for _, name := range reasonFlags {
		flags.StringVar(&f.reason, name, "", "only those in their state for this reason, such as exhausted")
		// The flag exists, so that this cannot fail; as below.
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(reasonNames(""), cobra.ShellCompDirectiveNoFileComp))
	}
	flags.StringVar(&f.filter.Transport, "transport", "", "only those of this transport, such as email")
	flags.StringVar(&f.filter.Channel, "channel", "", "only those of this channel, such as email.user")
	flags.StringVar(&f.filter.Recipient, "recipient", "", "only those of this person, or fixed address")
	flags.StringVar(&f.filter.Event, "event", "", "only those of events of this name, such as orders.created")
	flags.StringVar(&f.eventID, "event-id", "", "only those of this occurrence")
	flags.StringVar(&f.filter.ProviderID, "provider-id", "", "only the one to which the provider gave this id")
	flags.StringVar(&f.errorContains, "error", "", "only those whose last attempt has this text in its code or detail")
	aboutFlags(flags, &f.tenant, &f.resource, &f.filter.Actor, &f.since, &f.until)
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(stateNames(), cobra.ShellCompDirectiveNoFileComp))
}

// aboutFlags are filters that receipts and events have in common.
func aboutFlags(flags *pflag.FlagSet, tenant, resource, actor, since, until *string) {
	flags.StringVar(tenant, "tenant", "", `only those of this tenant; "" is the one without a name`)
	flags.StringVar(resource, "resource", "", "only those about a resource of this TYPE, or about this one TYPE/ID")
	flags.StringVar(actor, "actor", "", "only those of events that this actor caused")
	flags.StringVar(since, "since", "", "only those from this time on, or not older than this: 2026-01-31, 2026-01-31T08:00:00Z, 90m, 7d")
	flags.StringVar(until, "until", "", "only those from before this time, or older than this")
}

func stateNames() []string {
	names := []string{}
	for _, s := range receipts.States() {
		names = append(names, string(s))
	}
	return names
}

// reasonNames lists the reasons of a state, or of all.
func reasonNames(of receipts.State) []string {
	names := []string{}
	for _, s := range receipts.States() {
		if of != "" && s != of {
			continue
		}
		for _, r := range receipts.Reasons(s) {
			names = append(names, string(r))
		}
	}
	return names
}

func (f *filterFlags) validate(cmd *cobra.Command) error {
	if f.state != "" && !slices.Contains(stateNames(), f.state) {
		return usagef("--state %q is unknown (one of %s)", f.state, strings.Join(stateNames(), ", "))
	}
	f.filter.State, f.filter.Reason, f.filter.Error = receipts.State(f.state), receipts.Reason(f.reason), f.errorContains
	if names := reasonNames(f.filter.State); f.reason != "" && !slices.Contains(names, f.reason) {
		switch {
		case f.state == "":
			return usagef("the reason %q is unknown (one of %s)", f.reason, strings.Join(names, ", "))
		case len(names) == 0:
			return usagef("a receipt that is %s has no reason", f.state)
		}
		return usagef("the reason %q is not one of state %s (one of %s)", f.reason, f.state, strings.Join(names, ", "))
	}
	if cmd.Flags().Changed("tenant") {
		f.filter.Tenant = &f.tenant
	}
	f.filter.ResourceType, f.filter.ResourceID, _ = strings.Cut(f.resource, "/")
	var err error
	f.filter.Since, f.filter.Until, err = parsePeriod(f.since, f.until)
	return err
}

// find makes a whole id of a short one.
func (f *filterFlags) find(ctx context.Context, db receipts.DB, store *receipts.Store) error {
	if f.eventID == "" {
		return nil
	}
	id, err := store.FindEvent(ctx, db, strings.ToLower(f.eventID))
	if err != nil {
		return err
	}
	f.filter.EventID = &id
	return nil
}

func parsePeriod(since, until string) (from, to *time.Time, err error) {
	now := time.Now()
	if from, err = parseMoment("since", since, now); err != nil {
		return nil, nil, err
	}
	if to, err = parseMoment("until", until, now); err != nil {
		return nil, nil, err
	}
	if from != nil && to != nil && !from.Before(*to) {
		return nil, nil, usagef("--since is not before --until")
	}
	return from, to, nil
}

// parseMoment reads a day, a time, or how long ago that is; nil for nothing.
func parseMoment(flag, text string, now time.Time) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return &t, nil
		}
	}
	ago, err := time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n int
		n, err = strconv.Atoi(days)
		ago = time.Duration(n) * 24 * time.Hour
	}
	const longest = 100 * 365 * 24 * time.Hour
	if err != nil || ago < 0 || ago > longest {
		return nil, usagef("--%s %q is no time (such as 2026-01-31, 2026-01-31T08:00:00Z, or 90m and 7d for that long ago)", flag, text)
	}
	t := now.Add(-ago).UTC()
	return &t, nil
}
