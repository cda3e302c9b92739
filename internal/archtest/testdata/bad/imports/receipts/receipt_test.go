package receipts_test

import (
	_ "github.com/carillon-notify/carillon/cmd/carillon" // want
	_ "github.com/carillon-notify/carillon/dispatch"
)
