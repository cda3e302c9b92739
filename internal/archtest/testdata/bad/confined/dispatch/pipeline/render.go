package pipeline

import (
	_ "github.com/jhillyerd/enmime/v2"        // want
	_ "github.com/riverqueue/river/rivertype" // want
	_ "github.com/riverqueues/other"
	_ "github.com/stretchr/testify/require" // want
	_ "github.com/wneessen/go-mail"         // want
)
