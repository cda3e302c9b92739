package delivery_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/transports"
)

func TestAllows(t *testing.T) {
	t.Parallel()
	c := &delivery.Config{Mode: delivery.Capture, Allow: map[string][]string{
		"email": {"example.com", "@test.example", " Ann@Shop.Example "}, "slack": {"#test"}, "webhook": {"hooks.example.com"},
	}}
	for address, want := range map[string]bool{
		"email bob@example.com": true, "email BOB@EXAMPLE.COM": true, "email x@test.example": true, "email ann@shop.example": true,
		"email bob@shop.example": false, "email bob@sub.example.com": false, "email bob@notexample.com": false, "email ": false,
		"email example.com": true, "email victim@real.com,b@example.com": false, "email victim@real.com <b@example.com>": false,
		"email b@example.com <victim@real.com>": false, "email \"a@real.com\"@example.com": false,
		"slack #test": true, "slack #testing": false, "sms +4930123": false,
		"webhook https://hooks.example.com/x": true, "webhook https://hooks.example.com@evil.com/": false,
		"webhook https://evil.com/hooks.example.com": false, "webhook https://user@hooks.example.com/": false,
	} {
		var transport, rest string
		_, err := fmt.Sscan(address, &transport)
		require.NoError(t, err)
		rest = address[len(transport)+1:]
		require.Equal(t, want, c.Allows(transport, rest), address)
	}
}

func TestNoConfigIsLive(t *testing.T) {
	t.Parallel()
	var none *delivery.Config
	require.True(t, none.Live())
	require.Empty(t, none.Check(transports.Builtin()))
	require.True(t, (&delivery.Config{Mode: delivery.Live}).Live())
	require.False(t, (&delivery.Config{Mode: delivery.Capture}).Live())
}

func ExampleConfig() {
	c := &delivery.Config{
		Mode:     delivery.Redirect,
		Redirect: map[string]string{transports.Email: "dev@example.com"},
		Allow:    map[string][]string{transports.Email: {"example.com"}},
	}
	fmt.Println(c.Allows(transports.Email, "ann@example.com"), c.Allows(transports.Email, "ann@customer.example"))
	// Output: true false
}
