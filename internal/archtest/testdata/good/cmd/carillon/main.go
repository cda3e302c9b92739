// Carillon is the command.
package main

import (
	"os"

	_ "github.com/spf13/cobra"

	_ "github.com/carillon-notify/carillon/dispatch"
)

func main() { os.Exit(0) }
