// Package classify says what a provider's answer means: one table for each protocol, one [Rule] a row, a name for each
// rule and a test for each name.
//
// A transport describes what happened as an [Outcome] and asks its [Table], whose first fitting rule decides. A table is
// total: what no rule fits is [transports.Transient], since an unknown failure must cost a retry and never a message, and
// is marked as unclassified, so that somebody counts it and writes the missing row.
//
//	ctx, request := classify.Trace(ctx)
//	resp, err := client.Do(req.WithContext(ctx))
//	if err != nil {
//		return transports.Result{}, classify.Slack().Classify(request.Failed(ctx, err))
//	}
//	…
//	return transports.Result{}, classify.Slack().Classify(classify.Outcome{
//		Stage: request.Stage(), Status: resp.StatusCode, Code: reply.Error, Attempt: m.Attempt,
//	})
//
// Three things are the same for all protocols and are done here: which [Fault] an error is ([FaultOf]), how long a
// Retry-After asks to wait ([RetryAfter]), and whether a request had left before its answer was lost ([Trace]).
package classify
