package email_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

func TestDestinationIsTheServerAndTheUserByANameThatGivesNothingAway(t *testing.T) {
	t.Parallel()
	of := func(smtp string) transports.Destination {
		tr, err := email.New(&email.Config{
			SMTP: transports.Secret(smtp), From: "shop@example.com", Rate: transports.Limit{Count: 10, Per: time.Second},
		})
		require.NoError(t, err)
		return tr.Destination(transports.Message{})
	}
	one := of("smtp://AKIAKEY:secret@mail.example.com:587")
	require.Equal(t, "mail.example.com", one.Host)
	require.Equal(t, transports.Limit{Count: 10, Per: time.Second}, one.Rate)
	require.Len(t, one.Account, 8)
	require.NotContains(t, one.Account, "AKIA")
	require.Equal(t, one, of("smtp://AKIAKEY:other@mail.example.com:2525"), "a new password is the same account")
	require.NotEqual(t, one.Account, of("smtp://OTHER:secret@mail.example.com:587").Account)
	require.Empty(t, of("smtp://localhost:1025").Account)
}
