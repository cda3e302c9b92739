package webhook

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/webhook/endpoints"
)

// Targets reads the endpoints of a batch in one query. A message for an endpoint of another tenant finds none.
func (t *Transport) Targets(
	ctx context.Context, db transports.Querier, now time.Time, ms []transports.Message,
) ([]transports.Target, error) {
	ids := make([]uuid.UUID, len(ms))
	var wanted []uuid.UUID
	for i, m := range ms {
		if id, err := endpoints.ParseAddress(m.Recipient.Address); err == nil {
			ids[i], wanted = id, append(wanted, id)
		}
	}
	targets := make([]transports.Target, len(ms))
	if len(wanted) == 0 {
		return targets, nil
	}
	found, err := t.store.Targets(ctx, db, now, wanted)
	if err != nil {
		return nil, err
	}
	for i, m := range ms {
		to := found[ids[i]]
		switch {
		case strings.Contains(m.Recipient.Address, "://"):
		case to == nil || to.Tenant != m.Tenant:
			targets[i].Off = "there is no such endpoint any more"
		case to.State == endpoints.Disabled:
			targets[i].Off = "the endpoint is disabled: " + string(to.Reason)
		case to.Err != nil:
			targets[i].Err = &transports.Error{Class: transports.Configuration, Code: "key", Detail: to.Err.Error(), Err: to.Err}
		default:
			targets[i].Value = to
		}
	}
	return targets, nil
}

// Report notes which endpoints work. A success costs a statement only if the endpoint was failing; being asked to wait
// is neither.
func (t *Transport) Report(
	ctx context.Context, db transports.Querier, now time.Time, outcomes []transports.Outcome,
) ([]transports.Notice, error) {
	var o endpoints.Outcomes
	seen := map[uuid.UUID]transports.Class{}
	failing := map[uuid.UUID]bool{}
	for _, out := range outcomes {
		to, ok := out.Message.Target.(*endpoints.Target)
		if !ok || out.Class == transports.Rate || out.Class == transports.Configuration && out.Code == "key" {
			continue
		}
		failing[to.ID] = to.FailingSince != nil
		if rank(out.Class) >= rank(seen[to.ID]) {
			seen[to.ID] = out.Class
		}
	}
	for id, class := range seen {
		switch {
		case class == transports.Address:
			o.Gone = append(o.Gone, id)
		case class == transports.OK && failing[id]:
			o.Succeeded = append(o.Succeeded, id)
		case class != transports.OK:
			o.Failed = append(o.Failed, id)
		}
	}
	return t.store.Record(ctx, db, now, o)
}

// rank says which of several outcomes of one batch speaks for an endpoint: that it wants nothing any more, else that it
// works, else that it fails.
func rank(c transports.Class) int {
	switch c {
	case transports.Address:
		return 3
	case transports.OK:
		return 2
	case "":
		return 0
	}
	return 1
}
