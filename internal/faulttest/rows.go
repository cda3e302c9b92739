package main

// rows lists the matrix in the order of its numbers.
func rows() []*row {
	var all []*row
	for _, some := range [][]*row{deathRows(), crowdRows(), postgresRows(), answerRows()} {
		all = append(all, some...)
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
