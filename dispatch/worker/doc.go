// Package worker delivers: it runs the pipeline for the jobs that emits and retries leave behind.
//
// A [Worker] runs in the application's own process or in a daemon of its own; any number of them share the work.
// There is a lane (a queue) per transport and priority. A job only says that a receipt of its lane is due: whoever
// gets it claims that receipt and others of the lane as one batch, under one lease.
//
// Everything that keeps receipts moving runs in every worker, without a leader: leases are renewed, expired ones
// reclaimed, due jobs promoted, and receipts that lost their job get another.
package worker
