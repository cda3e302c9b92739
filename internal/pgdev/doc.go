// Package pgdev raises a private Postgres for the demo, the tests and CI.
//
// [Start] takes the first way that works: server programs that the machine has, programs that an earlier run has put
// into the cache, Debian packages that are downloaded and unpacked but never installed, and at last Docker. The
// programs are found, in this order, in the directory that CARILLON_PG_BIN names, beside initdb on the PATH, in
// pg_config --bindir, and in the directories where Debian, the PGDG packages, Homebrew and Postgres.app keep them.
// [URL] does the same, but uses DATABASE_URL and starts nothing when that variable is set.
//
// The server listens on the loopback interface only, on a free port, with a password made for the occasion. It is a
// child of this process and lives in a temporary directory of its own. It ends with this process, however that ends:
//
//   - [Server.Stop] ends the server and removes the directory.
//   - A watchdog, a shell that waits for a pipe from us to close, does the same after we have died. On Linux the kernel
//     also signals the server at once, so that it ends even if the watchdog was killed too.
//   - The next [Start] sweeps directories whose owner is gone. An owner holds a lock on a file in its directory for as
//     long as it lives, so a directory in use is never taken for a left one.
//
// Postgres refuses to run as root, therefore root starts it as the user postgres, or nobody.
//
// Without [Config.Durable] the server does not wait for the disk. It survives a crash of a process, not one of the machine.
package pgdev
