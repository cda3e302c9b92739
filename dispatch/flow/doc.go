// Package flow decides when something may be sent, as opposed to what and to whom.
//
// A [RetryPolicy] says how long and how often a failed send is tried again. Each kind of message has its own
// ([PolicyOf]): a one-time code is tried for minutes, a newsletter for days.
package flow
