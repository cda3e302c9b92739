// Package migrations makes the tables.
package migrations

import _ "github.com/pressly/goose/v3"

// Schema returns the statement that begins.
func Schema() string { return "CREATE SCHEMA carillon" }
