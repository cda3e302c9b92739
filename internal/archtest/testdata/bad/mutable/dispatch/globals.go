package dispatch

import (
	"errors"
	"sync"
)

var unset int // want

var (
	registry = make(map[string]int) // want
	shared   = &settings{}          // want
	lock     = sync.Mutex{}         // want
	counter  = 0                    // want
	table    = map[string]int{}     // want
	escaped  = 1                    // want
	emptied  = map[string]int{}     // want
	ranged   = 0                    // want
	current  = settings{}           // want
)

var (
	errGone = errors.New("gone")
	steady  = map[string]int{"a": 1}
	local   = 1
)

type settings struct{ name string }

func change(keys []int) {
	counter++
	table["a"] = 2
	current.name = "b"
	_ = &escaped
	delete(emptied, "a")
	for ranged = range keys {
	}
	local := 2
	local = 3
	_, _ = steady["a"], local
}
