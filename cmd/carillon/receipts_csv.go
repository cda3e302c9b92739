package main

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/internal/cli"
	"github.com/carillon-notify/carillon/receipts"
)

// printReceiptsCSV writes one line per receipt, after the names of the columns if header is wanted. The names are those
// of JSON.
func (a *app) printReceiptsCSV(list []receipts.Receipt, header bool) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if header {
		_ = w.Write([]string{ // A builder takes everything.
			"id", "event_id", "root_id", "channel", "transport", "audience", "recipient", "address", "tenant", "priority",
			"state", "reason", "attempts", "due_at", "send_at", "expires_at", "provider", "provider_message_id",
			"created_at", "finished_at",
		})
	}
	for _, r := range list {
		root := ""
		if r.RootID != nil {
			root = r.RootID.String()
		}
		line := []string{
			r.ID.String(), r.EventID.String(), root, r.Channel, r.Transport, r.Audience, r.Recipient, r.Address, r.Tenant,
			r.Priority.String(), string(r.State), string(r.Reason), strconv.Itoa(r.Attempts), stamp(&r.DueAt),
			stamp(r.SendAt), stamp(r.ExpiresAt), r.Provider, r.ProviderMessageID, stamp(&r.CreatedAt), stamp(r.FinishedAt),
		}
		for i, value := range line {
			line[i] = cli.Escape(value)
		}
		_ = w.Write(line)
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return a.print(b.String())
}

// stamp is a time for programs, empty if there is none.
func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
