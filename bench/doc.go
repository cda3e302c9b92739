// Command bench measures what Carillon promises in numbers, on a Postgres that waits for the disk.
//
//	go run ./bench [-short] [-only emit|trips|wal|latency] [-out FILE]
//
// It raises a private Postgres, or uses the server in DATABASE_URL, whose role must be allowed to create databases and to
// run CHECKPOINT: all work is done in a database made for the run and dropped after it. It says so if that server does
// not wait for the disk, because the figures then mean little.
//
// There are four measures:
//
//   - emit: transactions per second of writers that insert an order and emit an event with three channels, beside those
//     that only insert the order, and those that write the same rows the naive way: the event, each receipt in a
//     statement of its own, and the jobs by River's client. The three take turns in short slices on emptied tables, and
//     what is reported is the median of the ratios within a round, for absolute rates drift with the machine. That the
//     naive way leaves the same rows is checked first.
//   - trips: how often an emit makes its caller wait for the server, counted on the connection. More than one extra
//     round trip fails the run.
//   - wal: bytes of write-ahead log per emit.
//   - latency: from the return of Commit to the entry of Send, at 30 events a second with exponential gaps, through a
//     worker with its default settings in the same process.
//
// A table goes to stdout, progress to stderr, and a full run writes bench/results.json. A short or partial run is no
// record, so it writes a file only where -out asks for one.
//
// Exit status: 0; 1 when something failed or an emit takes more than one extra round trip; 2 for wrong usage.
package main
