// Package dbtest gives tests a real Postgres with our schema.
//
// [Tx] is the usual choice: a transaction that is rolled back, in a database that all tests of a process share. A test
// that needs several connections, NOTIFY, or a running client takes [Pool] and gets a database of its own, copied from
// a template in some 20 ms and dropped at its end.
//
// The server is the one in CARILLON_TEST_DATABASE_URL, or else in DATABASE_URL; the role must be allowed to create
// databases, and only databases that begin with carillon_template_ and carillon_test_ are touched. Without either
// variable the first test of a process that needs a server starts a private one (see package pgdev), which ends with
// the process. To share one among the test binaries of many packages, run
//
//	go run ./internal/pgdev/pgrun -- go test ./...
//
// The template is named by the fingerprint of all migrations, so a server that lives long may hold several; those of
// schemas that are no longer of interest can be dropped at any time. Test databases that a killed process has left are
// dropped by a later one.
package dbtest
