package receipts

import "os"

func end() { os.Exit(1) } // want
