package dispatch_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEmit(t *testing.T) {
	t.Parallel()

	require.NotEmpty(t, `SELECT * FROM carillon.receipts`)
}
