package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/dispatch/internal/registry"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/templates"
	"github.com/carillon-notify/carillon/transports"
)

// render makes the content of each receipt that has none stored. A missing variable fails the receipt with its name.
func (r *run) render(ctx context.Context) error {
	resolver := attachments.NewResolver(r.attachments)
	defer resolver.Close()
	for _, it := range r.open() {
		if it.frozen != nil {
			it.body = it.frozen
			continue
		}
		started := time.Now()
		vars, failure := r.variables(ctx, it)
		if failure != nil {
			r.settleFailure(it, failure, started)
			continue
		}
		var content transports.Content
		var options json.RawMessage
		err := r.contain(ctx, "template", it, func() (err error) {
			if options, err = it.channel.Options.Render(vars); err != nil {
				return err
			}
			content, err = it.channel.Render(vars)
			return err
		})
		if err != nil {
			it.failRender(err, started)
			continue
		}
		it.body = &receipts.Body{
			Content: content, Options: options, Recipient: it.recipient, NotificationType: it.event.NotificationType,
			RenderedAt: r.batch.ClaimedAt.UTC().Truncate(time.Second),
		}
		if it.event.Category != nil {
			it.body.Category = it.event.Category.Name
		}
		failure, err = r.attach(ctx, resolver, it, vars)
		switch {
		case err != nil:
			return err
		case failure != nil && failure.Class == transports.Permanent:
			it.failRender(errors.New(failure.Detail), started)
			continue
		case failure != nil:
			it.body = nil
			r.settleFailure(it, failure, started)
			continue
		}
		if err := r.encode(ctx, it); err != nil {
			it.failRender(err, started)
		}
	}
	return nil
}

// failRender ends a receipt that has nothing to send.
func (it *item) failRender(err error, started time.Time) {
	it.body = nil
	it.settle(receipts.Result{
		State: receipts.Failed, Reason: receipts.RenderFailed, CostsAttempt: true,
		Attempt: attempt(transports.Permanent, "render", err.Error(), started, time.Now()),
	})
}

// variables is everything that the receipt's templates may read.
func (r *run) variables(ctx context.Context, it *item) (map[string]any, *transports.Error) {
	vars, err := templates.Decode(it.Event.Data)
	if err != nil {
		return nil, &transports.Error{Class: transports.Permanent, Code: "render", Detail: err.Error(), Err: err}
	}
	if it.event.Enrich != nil {
		var extra map[string]any
		err := r.contain(ctx, "enricher", it, func() error {
			return r.lend(func(db *lent) (err error) {
				extra, err = it.event.Enrich(ctx, db, it.subject())
				return err
			})
		})
		if err != nil {
			return nil, applicationError("enrich", "enrich", err)
		}
		for name, value := range extra {
			vars[name] = value
		}
	}
	vars[registry.VarRecipient] = map[string]any{
		"id": it.recipient.ID, "name": it.recipient.Name, "address": it.recipient.Address,
		"locale": it.recipient.Locale, "timezone": it.recipient.Timezone,
	}
	vars[registry.VarActor] = it.Event.Actor
	vars[registry.VarTenant] = it.Tenant
	vars[registry.VarResource] = map[string]any{"type": it.Event.ResourceType, "id": it.Event.ResourceID}
	vars[registry.VarEvent] = map[string]any{
		"id": it.EventID.String(), "name": it.Event.Name, "created_at": it.Event.CreatedAt.UTC().Format(time.RFC3339),
	}
	vars[registry.VarPublicURL] = r.registry.PublicURL
	return vars, nil
}
