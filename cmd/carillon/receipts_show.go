package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports/webpush/subscriptions"
)

// shownReceipt is what `carillon receipts show --json` prints.
type shownReceipt struct {
	Event *receipts.Event `json:"event"`
	*receipts.Account
	Operations []receipts.ReceiptOperation `json:"operations"`
	Content    *receipts.Body              `json:"content,omitempty"`
	// Devices are what became of it at each device of the person, for web push.
	Devices []subscriptions.Delivery `json:"devices,omitempty"`
}

func newReceiptsShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one receipt from its event to its end",
		Long: `Show one receipt: its event, what each rule decided and by which row, every attempt, what operators did to it,
what it says, and when it is due next. ID is a whole id or its last eight hex digits.

JSON: {"event": {…}, "receipt": {…}, "decisions": [{"decided_at": …, "verdicts": [{"rule": …, "verdict": …,
"reason": …, "row": {"table": …, …}, "detail": …}]}], "attempts": [{…}], "rendered_at": …,
"files": [{"name": …, "media_type": …, "content_id": …, "sha256": …, "size": …}],
"operations": [{"id": …, "action": …, "operator": …, "reason": …, "left_state": …, "left_reason": …, …}],
"content": {"content": {…}, "recipient": {…}, "category": …, "notification_type": …},
"devices": [{"subscription_id": …, "device": …, "host": …, "outcome": …, "code": …, "tries": …, "at": …}]}; devices are
those of web push.`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.withSnapshot(ctx, func(tx pgx.Tx) error {
				shown, err := findShown(ctx, tx, args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(shown)
				}
				return a.print(a.narrateReceipt(shown))
			})
		},
	}
}

func findShown(ctx context.Context, db receipts.DB, text string) (*shownReceipt, error) {
	store := receipts.New(nil)
	id, err := store.FindReceipt(ctx, db, strings.ToLower(text))
	if err != nil {
		return nil, err
	}
	account, err := store.Account(ctx, db, id, pipeline.Rules())
	if err != nil {
		return nil, err
	}
	event, err := store.GetEvent(ctx, db, account.Receipt.EventID)
	if err != nil {
		return nil, err
	}
	body, err := store.Body(ctx, db, id)
	if err != nil {
		return nil, err
	}
	operations, err := store.Operations(ctx, db, id)
	if err != nil {
		return nil, err
	}
	devices, err := subscriptions.New(nil).Deliveries(ctx, db, id)
	if err != nil {
		return nil, err
	}
	return &shownReceipt{Event: event, Account: account, Operations: operations, Content: body, Devices: devices}, nil
}

func (a *app) narrateReceipt(s *shownReceipt) string {
	n := &narrator{app: a}
	n.event(s.Event)
	n.account(s.Account)
	for _, d := range s.Devices {
		n.line(1, "device    %s at %s: %s%s, try %s, %s", orDash(d.Device), d.Host, string(d.Outcome), inBrackets(d.Code),
			strconv.Itoa(d.Tries), when(d.At))
	}
	for _, o := range s.Operations {
		n.line(1, "operator  %s: %s by %s, from %s: %s", when(o.CreatedAt), string(o.Action), o.Operator,
			stateText(o.LeftState, o.LeftReason), o.Reason)
	}
	if s.Content == nil {
		n.line(1, "content   none stored")
		return n.String()
	}
	n.line(1, "content   as frozen at %s", when(s.Content.RenderedAt))
	for _, field := range s.Content.Content.Fields() {
		if *field.Value != "" {
			n.text(2, field.Name, *field.Value)
		}
	}
	return n.String()
}
