// Command faulttest proves what Carillon promises while processes die, databases restart and networks fail.
//
//	go run -tags fault ./internal/faulttest [-full] [-row F-06[,F-20]] [-seed N | -seeds N] [-parallel N] [-keep] [-record]
//
// Every row of the fault matrix runs for itself: a private Postgres that waits for the disk, the real program carillon
// (built with the tag fault, so that it can be told to die at a named step) as several processes, and receivers in
// processes of their own, which write what they take to disk before they answer. The fault is made, things settle, and
// the judge compares three sources: what the application committed, what the database says, what the receivers got.
//
// Without -full a short form of twelve rows runs with one fresh seed, which it prints. A row that fails prints the line
// that runs it again with its seed. With -record the results, and
// the rows that nobody has recorded yet, go to internal/faulttest/results.json, from which the test
// of the documentation makes the table in docs/reliability.md.
//
// Exit status: 0; 1 when a row failed; 2 for wrong usage.
package main
