package archtest

// exception excuses the findings of one rule in one file or below one folder.
type exception struct {
	rule   string
	path   string // a file, or a folder and all below it as "folder/..."
	reason string
}

// exceptions is the only place where a rule is loosened for a path. Exceptions for a single test stand at that test,
// as the comments "not parallel: reason" and "internal test: reason".
var exceptions = []exception{
	{"sql", "examples/...", "an application's own tables; its SQL stands where its reader looks"},
	{"sql", "bench/...", "measures the tables from outside, with statements that the product must not have"},
	{"sql", "internal/dbtest/...", "creates and drops databases, before there is a schema to query"},
	{"sql", "internal/pgdev/...", "asks a server who it is, before there is a schema to query"},
	{"http", "transports/email/dial.go", "the mail server is the operator's choice, and SMTP is not HTTP"},
	{"http", "cmd/carillon/doctor_mail.go", "looks whether the operator's own mail server answers"},
	{"http", "internal/faulttest/netproxy/...", "breaks connections to Postgres and mail servers, which never leave the machine"},
	{"receipts", "bench/...", "the naive form that emit is measured against writes the same rows by hand"},
	{"mutable", "internal/pgdev/server.go", "keeps running servers from the garbage collector, which would close their locks"},
}

func excused(f Finding) bool {
	for _, e := range exceptions {
		if e.rule == f.Rule && matches(e.path, f.File) {
			return true
		}
	}
	return false
}
