package config_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports"
)

// builderOf decodes its section into a struct, and fails with err.
func builderOf(into any, err error) config.Builder {
	return config.Builder{
		Spec: transports.Spec{Name: "pager"},
		New: func(decode func(any) error) (transports.Transport, error) {
			if err := decode(into); err != nil {
				return nil, err
			}
			return &gongs{}, err
		},
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "0": 0,
	} {
		var c struct {
			Wait time.Duration `yaml:"wait"`
		}
		_, err := config.Parse("c.yaml", fmt.Appendf(nil, "transports: { pager: { wait: %s } }", text),
			[]config.Builder{builderOf(&c, nil)}, nil)
		require.NoError(t, err)
		require.Equal(t, want, c.Wait)
	}
	for _, text := range []string{"5", "5 m", "d", "-1d", "1d-1h", "1d1d", "106752d", "106751d48h", "99999999999h", "true"} {
		require.Equal(t, []string{
			fmt.Sprintf("c.yaml:1:18: worker.lease: must be a duration such as 90s, 5m or 7d, not %q", text),
		}, problems(t, "worker: { lease: "+text+" }", nil))
	}
}

func TestKindsOfValues(t *testing.T) {
	t.Parallel()
	var c struct {
		Text  string     `yaml:"text"`
		Small int8       `yaml:"small"`
		Count uint       `yaml:"count"`
		Ratio float32    `yaml:"ratio"`
		On    bool       `yaml:"on"`
		Addr  netip.Addr `yaml:"addr"`
	}
	builders := []config.Builder{builderOf(&c, nil)}
	_, err := config.Parse("c.yaml", []byte(`
transports: { pager: { text: 1.10, small: -5, count: 1_000, ratio: 2, on: true, addr: "::1" } }`), builders, nil)
	require.NoError(t, err)
	require.Equal(t, "1.10 -5 1000 2 true ::1", fmt.Sprint(c.Text, " ", c.Small, " ", c.Count, " ", c.Ratio, " ", c.On, " ", c.Addr))

	require.Equal(t, []string{
		"c.yaml:3:3: transports.pager.text: must be text, not a mapping",
		"c.yaml:4:10: transports.pager.small: must be a whole number",
		"c.yaml:5:10: transports.pager.count: must be a whole number",
		"c.yaml:6:10: transports.pager.ratio: must be a number",
		"c.yaml:7:7: transports.pager.on: must be true or false",
		"c.yaml:8:9: transports.pager.addr: must be text",
	}, problems(t, `transports:
 pager:
  text: { a: b }
  small: 300
  count: -1
  ratio: "2"
  on: yes
  addr: 1.2.3
`, builders))
}

func TestBuilderProblems(t *testing.T) {
	t.Parallel()
	type pager struct {
		Name string   `yaml:"name"`
		Func func()   `yaml:"func"`
		IDs  []string `yaml:"ids"`
	}
	const source = "transports:\n pager:\n  name: x\n"
	for _, one := range []struct {
		name, source string
		builder      config.Builder
		want         []string
	}{
		{
			"AtKey", source, builderOf(new(pager), fmt.Errorf("pager: name is too short")),
			[]string{"c.yaml:3:9: transports.pager.name: is too short"},
		},
		{
			"AtSection", source, builderOf(new(pager), fmt.Errorf("no pager here")),
			[]string{"c.yaml:2:2: transports.pager: no pager here"},
		},
		{
			"NotAStruct", source, builderOf(new(int), nil),
			[]string{"c.yaml:2:2: transports.pager: decode transports.pager: want a pointer to a struct, not *int"},
		},
		{
			"NotDecodable", source + "  func: x\n  ids: [a, ]\n", builderOf(new(pager), nil),
			[]string{"c.yaml:4:9: transports.pager.func: cannot be set in a file (its type in Go is func())"},
		},
		{
			"EmptyItem", source + "  ids:\n   -\n", builderOf(new(pager), nil),
			[]string{"c.yaml:5:4: transports.pager.ids[0]: the item is empty"},
		},
		{"Nothing", source, config.Builder{
			Spec: transports.Spec{Name: "pager"},
			New:  func(decode func(any) error) (transports.Transport, error) { return nil, decode(new(pager)) },
		}, []string{"c.yaml:2:2: transports.pager: its builder made nothing"}},
		{"NothingRead", source, config.Builder{
			Spec: transports.Spec{Name: "pager"},
			New:  func(func(any) error) (transports.Transport, error) { return &gongs{}, nil },
		}, []string{"c.yaml:3:3: transports.pager.name: unknown key (there are no keys here)"}},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, one.want, problems(t, one.source, []config.Builder{one.builder}))
		})
	}
}

func TestTransportsOfAWrongFileAreClosed(t *testing.T) {
	t.Parallel()
	made := &gongs{}
	builder := config.Builder{Spec: slackSpec(), NoConfig: true, New: func(func(any) error) (transports.Transport, error) {
		return made, nil
	}}
	_, err := config.Parse("c.yaml", []byte("nope: 1"), []config.Builder{builder}, nil)
	require.Error(t, err)
	require.True(t, made.closed)
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"event": "did you mean events?", "wroker": "did you mean worker?", "databaseurl": "did you mean database_url?",
		"Events": "did you mean events?", "x": "(keys: ", "smtp": "(keys: ", "transport-list": "(keys: ",
	} {
		require.Contains(t, problems(t, key+": 1", nil)[0], want)
	}
	require.Equal(t, []string{
		"c.yaml:1:1: unknown key (keys: database_url, public_url, people, audiences, categories, transports, events, delivery, attachments, worker)",
	}, problems(t, "no name: 1", nil))
}
