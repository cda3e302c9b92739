package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/carillon-notify/carillon/transports"
)

// codePanic is the code of an attempt that ended in a panic.
const codePanic = "panic"

// contain calls a function that is not ours and turns a panic into an error, which says that nothing has left the house:
// whoever calls a send knows better. The value of a panic may be anything, so only its type is kept; the stack goes to the
// log.
func (p *Pipeline) contain(ctx context.Context, what string, it *item, f func() error) (err error) {
	defer func() {
		if recovered := recover(); recovered != nil {
			p.telemetry.Panicked()
			p.logger.ErrorContext(ctx, "panic contained",
				slog.String("in", what), slog.String("receipt_id", it.ID.String()), slog.String("event", it.Event.Name),
				slog.String("type", fmt.Sprintf("%T", recovered)), slog.String("stack", string(debug.Stack())))
			err = &transports.Error{
				Class: transports.Transient, Code: codePanic, Detail: fmt.Sprintf("the %s panicked with a %T", what, recovered),
			}
		}
	}()
	return f()
}
