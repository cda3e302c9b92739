package pipeline_test

import _ "github.com/riverqueue/river"
