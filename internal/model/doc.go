// Package model is the life of receipts in plain Go, without a database: what the statements of package receipts ought to
// do, written a second time and in another way. Its test lets both walk at random, and compares them after every step.
//
// It knows one lane and one clock. Jobs are part of it, because an alarm that is lost must be set again.
package model
