package receipts_test

import (
	"testing"

	_ "go.uber.org/goleak"
)

func TestLeak(t *testing.T) {}
