// Package inapp delivers into the person's inbox: a row in the dispatcher's own database, written in the transaction
// that records the receipt, and so exactly once.
package inapp

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/transports"
)

// Transport writes notifications.
type Transport struct{}

var _ transports.InDatabase = (*Transport)(nil)

// New returns the transport. It has nothing to configure.
func New() *Transport { return &Transport{} }

// Name is "in_app".
func (*Transport) Name() string { return transports.InApp }

// Spec says that it needs a person, a title and a message.
func (*Transport) Spec() transports.Spec { return transports.InAppSpec() }

// Send refuses: a notification is only ever written by [Transport.SendTx].
func (*Transport) Send(context.Context, transports.Message) (transports.Result, error) {
	return transports.Result{}, transports.Errorf(transports.Configuration,
		"in_app delivers inside the database (call SendTx in the recording transaction)")
}

// SendTx writes one notification per message, each at most once by its receipt.
func (*Transport) SendTx(ctx context.Context, tx pgx.Tx, ms []transports.Message) ([]transports.Result, error) {
	notifications := make([]inbox.Notification, len(ms))
	results := make([]transports.Result, len(ms))
	for i, m := range ms {
		notifications[i] = inbox.Notification{
			ID: m.ReceiptID, EventID: m.EventID, Tenant: m.Tenant, Person: m.Recipient.ID, Event: m.Event,
			Category: m.Category, NotificationType: m.NotificationType,
			Title: m.Content.Title, Message: m.Content.Message,
			ActionURL: m.Content.ActionURL, ActionLabel: m.Content.ActionLabel,
			ResourceType: m.ResourceType, ResourceID: m.ResourceID,
		}
		results[i] = transports.Result{Provider: "carillon", ProviderMessageID: m.ReceiptID.String()}
	}
	if err := inbox.InsertTx(ctx, tx, notifications); err != nil {
		return nil, err
	}
	return results, nil
}
