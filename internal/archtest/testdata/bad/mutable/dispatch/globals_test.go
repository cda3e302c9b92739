package dispatch_test

var update = new(bool)
