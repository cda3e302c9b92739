package receipts

import (
	"fmt"

	_ "github.com/carillon-notify/carillon/dispatch" // want
	_ "github.com/carillon-notify/carillon/transports"
)

var _ = fmt.Sprint
