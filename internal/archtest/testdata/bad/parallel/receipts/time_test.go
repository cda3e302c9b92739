package receipts_test

import (
	"testing"
	"testing/synctest"
)

func TestTime(t *testing.T) {
	synctest.Test(t, func(*testing.T) {})
}
