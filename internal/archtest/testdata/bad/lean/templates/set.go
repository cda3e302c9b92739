package templates

import _ "github.com/goccy/go-yaml/ast" // want
