package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-notify/carillon/preferences"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
)

// rule judges one receipt. The zero verdict passes.
type rule struct {
	name  string
	judge func(ctx context.Context, it *item, f facts) (receipts.Verdict, error)
}

// rules is every rule, in the order in which reasons are kept. Suppression comes before preference, throttle,
// duplicate window and quiet hours after policy, when they are built.
var rules = []rule{
	{"expiry", judgeExpiry},
	{"address", judgeAddress},
	{"preference", judgePreference},
	{"guard", judgeGuard},
	{"policy", judgePolicy},
}

// Rules lists the names of the rules in their order.
func Rules() []string {
	names := make([]string, len(rules))
	for i, r := range rules {
		names[i] = r.name
	}
	return names
}

func judgeExpiry(_ context.Context, it *item, f facts) (receipts.Verdict, error) {
	if it.ExpiresAt == nil || f.now.Before(*it.ExpiresAt) {
		return judgePatience(it, f), nil
	}
	return receipts.Verdict{
		Verdict: verdictExpire, Reason: receipts.Deadline,
		Row: map[string]any{"table": "receipts", "expires_at": it.ExpiresAt.UTC().Format(time.RFC3339)},
	}, nil
}

// judgePatience ends the trying at the deadline of the receipt's retry policy. A receipt that nobody has tried yet gets
// its try however late it is, because that is our delay and not the provider's; but for a code, which is worthless then.
func judgePatience(it *item, f facts) receipts.Verdict {
	if f.now.Before(f.giveUpAt) || !it.turnedAway() && it.channel.RetryOf(it.Priority) != transports.RetryCode {
		return receipts.Verdict{}
	}
	return receipts.Verdict{
		Verdict: verdictExpire, Reason: receipts.GaveUp,
		Detail: fmt.Sprintf("it was due at %s, and its retry policy, %s, ended at %s", it.firstDue().UTC().Format(time.RFC3339),
			it.channel.RetryOf(it.Priority), f.giveUpAt.UTC().Format(time.RFC3339)),
	}
}

func judgeAddress(_ context.Context, it *item, _ facts) (receipts.Verdict, error) {
	kind := it.channel.Spec.Address
	if it.recipient.Address != "" || (kind == transports.AddressNone && it.recipient.ID != "") {
		return receipts.Verdict{}, nil
	}
	verdict := receipts.Verdict{
		Verdict: verdictSkip, Reason: receipts.NoAddress,
		Row:    map[string]any{"table": "people", "id": it.named.ID, "found": it.person != nil},
		Detail: fmt.Sprintf("the person has no %s", kind),
	}
	switch {
	case it.channel.Spec.PersonOnly:
		verdict.Detail = "the recipient is an address, and the transport delivers to people only"
	case it.person == nil:
		verdict.Detail = "the directory does not know the person"
	}
	return verdict, nil
}

func judgePreference(_ context.Context, it *item, f facts) (receipts.Verdict, error) {
	var verdict receipts.Verdict
	if f.preference != nil {
		verdict.Row = map[string]any{
			"table": "preferences", "person": f.preference.Person, "category": f.preference.Category,
			"transport": f.preference.Transport, "choice": f.preference.Choice,
			"updated_by": f.preference.UpdatedBy, "updated_at": f.preference.UpdatedAt.UTC().Format(time.RFC3339Nano),
		}
	}
	category := it.event.Category
	switch {
	case category != nil && category.Mandatory:
		verdict.Detail = fmt.Sprintf("category %q is mandatory", category.Label)
	case f.preference != nil && f.preference.Choice == preferences.Off:
		verdict.Verdict, verdict.Reason = verdictSkip, receipts.OptedOut
		verdict.Detail = "the person switched it off"
		if category != nil {
			verdict.Detail = fmt.Sprintf("the person switched off category %q", category.Label)
		}
	}
	return verdict, nil
}

func judgeGuard(ctx context.Context, it *item, _ facts) (receipts.Verdict, error) {
	if it.event.Guard == nil {
		return receipts.Verdict{}, nil
	}
	allowed, err := it.event.Guard(ctx, it.subject(), it.recipient)
	if err != nil || allowed {
		return receipts.Verdict{}, err
	}
	return receipts.Verdict{Verdict: verdictSkip, Reason: receipts.Guarded, Detail: "the event's guard refused"}, nil
}

func judgePolicy(_ context.Context, it *item, f facts) (receipts.Verdict, error) {
	if !it.channel.SkipIfRead || f.read == nil {
		return receipts.Verdict{}, nil
	}
	return receipts.Verdict{
		Verdict: verdictSkip, Reason: receipts.AlreadyRead, Detail: "the person read the notification first",
		Row: map[string]any{
			"table": "notifications", "id": f.read.NotificationID.String(),
			"read_at": f.read.ReadAt.UTC().Format(time.RFC3339Nano),
		},
	}, nil
}
