package config_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/worker"
)

func TestWorkerLimits(t *testing.T) {
	t.Parallel()
	for key, values := range map[string][2]string{
		"senders":                       {"10000", "10001"},
		"lane_senders: {in_app_bulk":    {"1}", "0}"},
		"lane_senders: {in_app_default": {"10000}", "10001}"},
		"batch":                         {"1000", "1001"},
		"lease":                         {"3s", "2s"},
		"poll_interval":                 {"1ms", "1us"},
		"send_timeout":                  {"1ms", "-1s"},
		"grace":                         {"1ms", "-1s"},
		"retry: {base":                  {"1ms}", "-1s}"},
		"retry: {cap":                   {"1ms}", "-1s}"},
		"retry: {deadline":              {"1ms}", "-1s}"},
		"retry: {max_attempts":          {"1000}", "1001}"},
	} {
		_, err := config.Parse("c.yaml", fmt.Appendf(nil, "worker: {%s: %s}", key, values[0]), nil, nil)
		require.NoError(t, err)
		require.Regexp(t, `^c\.yaml:1:\d+: worker\..*(out of range|too short)`,
			problems(t, fmt.Sprintf("worker: {%s: %s}", key, values[1]), nil)[0])
	}
}

func TestMonitorIsAnAddressOrOff(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"off", "127.0.0.1:9464", "':0'", "'[::1]:9464'", "localhost:65535"} {
		file, err := config.Parse("c.yaml", []byte("worker: {monitor: "+good+"}"), nil, nil)
		require.NoError(t, err)
		require.Equal(t, strings.Trim(good, "'"), file.Worker.Monitor)
	}
	for _, bad := range []string{"on", "9464", "localhost", "localhost:http", "localhost:65536", "'::1:9464'"} {
		require.Contains(t, problems(t, "worker: {monitor: "+bad+"}", nil)[0], "c.yaml:1:19: worker.monitor: ")
	}
}

func TestLaneSendersNamesLanes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"slack_bulk", "in_app", "in_app_urgent", "bulk", "_bulk"} {
		require.Contains(t, problems(t, "worker: {lane_senders: {"+name+": 3}}", nil)[0], "worker.lane_senders."+name+": unknown lane")
	}
}

// What the worker can be told, a file can tell it: the fields bear the same names and types.
func TestWorkerHasTheWorkersFields(t *testing.T) {
	t.Parallel()
	inGo := []string{"Transports", "Delivery", "Attachments", "Name", "Telemetry", "Logger"}
	requireFields(t, reflect.TypeFor[worker.Config](), reflect.TypeFor[config.Worker](), inGo)
	requireFields(t, reflect.TypeFor[flow.RetryPolicy](), reflect.TypeFor[config.Retry](), []string{"schedule"})
}

func requireFields(t *testing.T, want, got reflect.Type, except []string) {
	t.Helper()
	for _, field := range reflect.VisibleFields(want) {
		ours, found := got.FieldByName(field.Name)
		if !found {
			require.Contains(t, except, field.Name)
			continue
		}
		if field.Name != "Retry" {
			require.Equal(t, field.Type, ours.Type, field.Name)
		}
	}
}
