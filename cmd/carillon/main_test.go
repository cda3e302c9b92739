package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this binary answer to the name carillon, in scripts and wherever a test starts it by that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"carillon": main})
}
