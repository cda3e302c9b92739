package dispatch

import "time"

func wait() {
	time.Sleep(time.Second) // want
}
