package dispatch

func wire() {
	panic("unannounced") // want
}

var lazily = func() {
	panic("unannounced") // want
}

// MustWire is known to.
func MustWire() { panic("by name") }

// announced panics if its argument is negative.
func announced() {
	func() { panic("by comment") }()
}
