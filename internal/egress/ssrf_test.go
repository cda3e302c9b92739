package egress_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/egress"
)

func TestThisMachineIsNotReached(t *testing.T) {
	t.Parallel()
	c := startCanary(t)
	client := newClient(t, &egress.Config{Policy: egress.Policy{AllowHTTP: true, Ports: []uint16{c.port}}})
	for _, host := range spellings {
		u := "http://" + host + ":" + strconv.Itoa(int(c.port)) + "/hook"
		if _, err := url.Parse(u); err != nil {
			continue // it cannot even become a request
		}
		_, err := post(t, client, u)
		require.Error(t, err, host)
	}
	require.Zero(t, c.connections.Load())

	allowed := newClient(t, &egress.Config{Policy: egress.Policy{AllowHTTP: true, Allow: ranges("127.0.0.0/8")}})
	answer, err := post(t, allowed, c.at("127.0.0.1"))
	require.NoError(t, err, "the canary would have noticed")
	require.Equal(t, http.StatusNoContent, answer.Status)
	require.EqualValues(t, 1, c.connections.Load())
}

func TestSpecialAddressesByName(t *testing.T) {
	t.Parallel()
	c := startCanary(t)
	records := zone{}
	for i, text := range special {
		if addr := netip.MustParseAddr(text); addr.Zone() == "" {
			records["n"+strconv.Itoa(i)+".test"] = [][]string{{text}}
		}
	}
	client := newClient(t, &egress.Config{
		Policy:   egress.Policy{AllowHTTP: true, Ports: []uint16{c.port}},
		Resolver: startDNS(t, records),
	})
	for name, answers := range records {
		_, err := post(t, client, c.at(name))
		var e *egress.Error
		require.ErrorAs(t, err, &e, "%s: %v", name, answers)
		if e.Phase == egress.PhaseDNS {
			continue // the resolver itself knows no such address
		}
		refused(t, err, egress.RuleAddress)
		require.Equal(t, name, e.Host)
	}
	require.Zero(t, c.connections.Load())
}

func TestNamesThatLeadAstray(t *testing.T) {
	t.Parallel()
	c := startCanary(t)
	resolver := startDNS(t, zone{
		"alias.test":   {{"deeper.test"}},
		"deeper.test":  {{"inside.test"}},
		"inside.test":  {{"127.0.0.1", "::1"}},
		"mixed.test":   {{"127.0.0.1", "127.0.0.2", "::1"}},
		"rebound.test": {{"127.0.0.2"}, {"127.0.0.1"}},
	})
	// 127.0.0.2 plays the public address, so that nothing leaves this machine.
	client := newClient(t, &egress.Config{
		Policy:   egress.Policy{AllowHTTP: true, Ports: []uint16{c.port}, Allow: ranges("127.0.0.2/32")},
		Resolver: resolver,
	})
	_, err := post(t, client, c.at("alias.test"))
	refused(t, err, egress.RuleAddress)
	require.Zero(t, c.connections.Load(), "a CNAME changes nothing")

	_, err = post(t, client, c.at("mixed.test"))
	require.NoError(t, err, "one answer of the three is allowed")
	require.EqualValues(t, 1, c.connections.Load(), "and only that one was connected to")

	_, err = client.Policy().CheckURL(c.at("rebound.test"))
	require.NoError(t, err, "it looks well when it is saved")
	_, err = post(t, client, c.at("rebound.test"))
	require.NoError(t, err)
	require.EqualValues(t, 2, c.connections.Load())
	_, err = post(t, client, c.at("rebound.test"))
	refused(t, err, egress.RuleAddress)
	require.EqualValues(t, 2, c.connections.Load(), "what DNS says at the moment of connecting counts")
}

func TestRedirectsAreAnswers(t *testing.T) {
	t.Parallel()
	c := startCanary(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", c.at("127.0.0.1"))
			w.WriteHeader(status)
		}))
		t.Cleanup(first.Close)
		client := newClient(t, &egress.Config{Policy: egress.Policy{AllowHTTP: true, Allow: ranges("127.0.0.0/8")}})
		answer, err := post(t, client, first.URL)
		require.NoError(t, err)
		require.Equal(t, status, answer.Status)

		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, first.URL, http.NoBody)
		require.NoError(t, err)
		res, err := client.HTTPClient().Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, status, res.StatusCode)
	}
	require.Zero(t, c.connections.Load())
	require.Zero(t, c.bytes.Load(), "not one byte reaches the second host")
}

// not parallel: it sets the environment.
func TestTheEnvironmentsProxyIsNotAsked(t *testing.T) {
	c := startCanary(t)
	proxy := "http://127.0.0.1:" + strconv.Itoa(int(c.port))
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy)
	}
	resolver := startDNS(t, zone{"hooks.test": {{"127.0.0.1"}}})
	client := newClient(t, &egress.Config{Policy: egress.Policy{AllowHTTP: true}, Resolver: resolver})
	_, err := post(t, client, "http://hooks.test/x")
	refused(t, err, egress.RuleAddress)
	require.Zero(t, c.connections.Load())

	told := newClient(t, &egress.Config{Policy: egress.Policy{AllowHTTP: true}, Resolver: resolver, Proxy: proxy})
	answer, err := post(t, told, "http://hooks.test/x")
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, answer.Status)
	require.EqualValues(t, 1, c.connections.Load(), "a proxy that was named is used")
	_, err = post(t, told, "http://127.0.0.1/x")
	refused(t, err, egress.RuleLiteral)
}
