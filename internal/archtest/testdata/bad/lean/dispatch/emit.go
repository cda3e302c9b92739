package dispatch

import (
	_ "example.com/cli" // want
	_ "example.com/plain"

	_ "github.com/carillon-notify/carillon/templates"
)
