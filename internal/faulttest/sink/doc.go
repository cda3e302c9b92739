// Package sink is the receiving side of the fault harness: an SMTP and an HTTP server that write every message which they
// take responsibility for to a log, and wait for the disk, before they answer.
//
// The log is what the judge believes. What the sender's process thought, and whether it lived to hear the answer, does
// not matter: a line in the log is a message that somebody got.
//
// A [Script] makes a server misbehave by rules: refuse, answer late or never, cut the connection before or after taking
// the message. The servers run in processes of their own; see [Serve] for how they are spoken to.
package sink
