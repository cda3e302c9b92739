package config

import (
	"strings"
)

// suggest is the way out of an unknown name: the one that was meant, if there is one close enough, and all there are.
func suggest(name, what string, names []string) string {
	if len(names) == 0 {
		return "there are no " + what + " here"
	}
	list := what + ": " + strings.Join(names, ", ")
	best, least := "", 3
	for _, candidate := range names {
		if far := distance(name, candidate); far < least && 2*far < max(len(name), len(candidate)) {
			best, least = candidate, far
		}
	}
	if best == "" {
		return list
	}
	return "did you mean " + best + "? " + list
}

// distance counts the letters to insert, delete, replace or swap with their neighbour.
func distance(from, to string) int {
	a, b := []rune(from), []rune(to)
	if max(len(a), len(b)) > 64 {
		return 64
	}
	var beforeLast []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], beforeLast[j-2]+1)
			}
		}
		beforeLast, last = last, row
	}
	return last[len(b)]
}
