// Package netproxy is a TCP proxy that the fault harness puts in front of Postgres or a mail server, to cut, delay, starve
// and silence connections the way networks do.
package netproxy
