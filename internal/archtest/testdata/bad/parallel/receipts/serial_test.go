package receipts_test

import "testing"

func TestSerial(t *testing.T) { // want
	t.Log("first")
	t.Parallel()
}

func TestEmpty(t *testing.T) {} // want

// TestNoReason has a mark and nothing after it.
//
// not parallel:
func TestNoReason(t *testing.T) {} // want

// TestReason is excused.
//
// not parallel: it sets the environment.
func TestReason(t *testing.T) {}

func TestParallel(t *testing.T) {
	t.Parallel()
}

func TestMain(m *testing.M) {}

func Testing(name string) {}
