package dispatch_test

func wire() { panic("in a test") }
