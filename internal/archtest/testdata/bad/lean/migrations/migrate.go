package migrations

import _ "github.com/pressly/goose/v3"
