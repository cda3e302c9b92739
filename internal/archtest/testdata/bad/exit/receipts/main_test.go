package receipts_test

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(m.Run()) }

func TestEnd(t *testing.T) {
	os.Exit(1) // want
}
