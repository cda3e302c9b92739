package dbtest

// lockKey is the advisory lock of everybody who makes a template: "dbtest" in ASCII.
const lockKey int64 = 0x646274657374

// Names of databases cannot be parameters of these statements; %s and %[n]s stand for quoted identifiers.
const (
	// file_copy is the quicker strategy for a small template.
	sqlCreateDatabase = `CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy`

	sqlDropDatabase = `DROP DATABASE IF EXISTS %s WITH (FORCE)`

	// A template with connections cannot be copied, so nobody may connect.
	sqlForbidConnections = `ALTER DATABASE %[1]s WITH ALLOW_CONNECTIONS false`

	sqlRenameDatabase = `ALTER DATABASE %[1]s RENAME TO %[2]s`

	sqlDatabaseExists = `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1)`

	sqlLock = `SELECT pg_advisory_lock($1)`

	// The databases that this role may drop and nobody uses.
	sqlSelectUnused = `
		SELECT d.datname
		FROM pg_catalog.pg_database AS d
		WHERE starts_with(d.datname, $1)
			AND pg_has_role(d.datdba, 'USAGE')
			AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity AS a WHERE a.datid = d.oid)
		ORDER BY d.datname`
)
