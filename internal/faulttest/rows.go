package main

import (
	"slices"
	"strings"
)

// rows lists the matrix in the order of its numbers.
func rows() []*row {
	var all []*row
	for _, some := range [][]*row{deathRows(), crowdRows(), crewRows(), postgresRows(), keyRows(), answerRows(), smtpRows(), loginRows(), cutRows(), diskRows(), bouncerRows(), poolRows(), dnsRows(), clockRows(), tenantRows(), hookRows(), hostRows()} {
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b *row) int { return strings.Compare(a.id, b.id) })
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
