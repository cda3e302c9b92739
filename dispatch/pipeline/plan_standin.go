package pipeline

import (
	"context"
	"time"

	"github.com/carillon-notify/carillon/transports"
)

var (
	_ transports.Targeted = (*standIn)(nil)
	_ transports.Encoder  = (*standIn)(nil)
)

// standIn takes the place of a transport in a plan, so that nothing can be sent by mistake. What the transport says before
// a send, it says.
type standIn struct {
	spec     transports.Spec
	targeted transports.Targeted // nil if every address is open
	encoder  transports.Encoder  // nil without bytes of its own
}

func (s *standIn) Name() string { return s.spec.Name }

func (s *standIn) Spec() transports.Spec { return s.spec }

func (s *standIn) Send(context.Context, transports.Message) (transports.Result, error) {
	return transports.Result{}, transports.Errorf(transports.Configuration, "a plan sends nothing")
}

func (s *standIn) Targets(
	ctx context.Context, db transports.Querier, now time.Time, ms []transports.Message,
) ([]transports.Target, error) {
	if s.targeted == nil {
		return make([]transports.Target, len(ms)), nil
	}
	return s.targeted.Targets(ctx, db, now, ms)
}

// Report is told of no sends, since there are none.
func (s *standIn) Report(context.Context, transports.Querier, time.Time, []transports.Outcome) ([]transports.Notice, error) {
	return nil, nil
}

func (s *standIn) Encode(m transports.Message) ([]byte, error) {
	if s.encoder == nil {
		return nil, nil
	}
	return s.encoder.Encode(m)
}
