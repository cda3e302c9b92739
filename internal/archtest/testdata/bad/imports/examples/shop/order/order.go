package order

import (
	_ "github.com/carillon-notify/carillon/dispatch"
	_ "github.com/carillon-notify/carillon/dispatch/worker"    // want
	_ "github.com/carillon-notify/carillon/examples/other"     // want
	_ "github.com/carillon-notify/carillon/examples/shop/cart" // its own
)
