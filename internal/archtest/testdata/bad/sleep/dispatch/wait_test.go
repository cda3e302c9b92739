package dispatch_test

import clock "time"

var pause = clock.Sleep // want
