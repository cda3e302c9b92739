// Shop is an example.
package main

import (
	_ "github.com/carillon-notify/carillon/dispatch"
	_ "github.com/carillon-notify/carillon/examples/shop/orders"
)

func main() {}
