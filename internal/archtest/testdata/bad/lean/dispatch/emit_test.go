package dispatch_test

import _ "github.com/riverqueue/river"
