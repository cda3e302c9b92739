package main

import (
	"context"
	"slices"
	"strings"
)

// rows lists the matrix in the order of its numbers.
func rows() []*row {
	var all []*row
	for _, some := range [][]*row{deathRows(), crowdRows(), crewRows(), postgresRows(), keyRows(), answerRows(), smtpRows(), laterRows()} {
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b *row) int { return strings.Compare(a.id, b.id) })
	return all
}

// laterRows are of the matrix, and nobody has written them. The table says so.
func laterRows() []*row {
	why := func(context.Context) string { return "not written yet" }
	var all []*row
	for id, what := range map[string]string{
		"F-25": "200 sends hang while the application has a pool of 5",
		"F-26": "a session idle in a transaction while a million receipts churn",
		"F-27": "the disk of Postgres is full",
		"F-29": "PgBouncer in transaction mode",
		"F-46": "AUTH 535 for an hour with 10,000 queued",
		"F-47": "NXDOMAIN, SERVFAIL, timeouts and changes of DNS",
		"F-60": "the clock of one worker is off by ten minutes",
		"F-61": "the clock jumps back by an hour",
		"F-80": "a worker cut off from Postgres and not from the mail server",
		"F-81": "a worker cut off from the mail server and not from Postgres",
		"F-91": "one tenant emits 1,000 a second, fifty others one each",
	} {
		all = append(all, &row{id: id, what: what, absent: why})
	}
	return all
}

func fixed(text string) func(bool) string { return func(bool) string { return text } }

// either says one size in full and another in short.
func either(full, short string) func(bool) string {
	return func(isFull bool) string {
		if isFull {
			return full
		}
		return short
	}
}
