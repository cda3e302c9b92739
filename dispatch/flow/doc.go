// Package flow decides when something may be sent, as opposed to what and to whom.
//
// A [RetryPolicy] says how long and how often a failed send is tried again. Each kind of message has its own
// ([PolicyOf]): a one-time code is tried for minutes, a newsletter for days.
//
// A [Gate] stands before every send. It asks two things of Postgres, for all workers together:
//
//   - Is the destination well? A breaker per transport, account and host opens after failures that are the
//     destination's own. While it is open nothing is sent there; once its time is up a single batch of all workers may
//     probe with a single message, which closes it or opens it for twice as long.
//   - Is there budget? Where a rate is declared, every send takes a token of the key's budget, which all workers share
//     (GCRA: the row remembers when the next token is due). A share is kept for critical messages. A provider that asks
//     us to wait holds the budget, rate or no rate, and so stops every worker.
//
// A receipt that is not let through waits with a due time of its own, spread so that they do not all come back
// together; it costs no attempt. What the gate knows is read at most once a second, in one statement, and tokens are
// taken for a whole batch and a little beyond, so that a batch costs no round trip where no rate is declared, and at most
// one where there is. All times are the database's, and leave it only as spans.
//
// What happens in one process, such as a failure while other sends are about to begin, counts there at once, and in
// other processes within a second; for a destination with a rate, as soon as their next sends are prepared. A token is good
// for a second: whoever waited longer for a sender takes another ([Gate.Again]), so that in any span of time no more is
// sent than its rate allows and what two seconds do.
package flow
