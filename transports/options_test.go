package transports_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
)

type pagerOptions struct {
	Thread string            `yaml:"thread" template:"true" required:"true" doc:"what is equal shares a thread"`
	Tone   string            `yaml:"tone" oneof:"soft,loud" default:"soft" doc:"how it rings"`
	Rings  int               `yaml:"rings" default:"3" doc:"how often"`
	Volume float64           `yaml:"volume" default:"0.5" doc:"how loud"`
	Pause  time.Duration     `yaml:"pause" default:"2s" doc:"between rings"`
	Vibes  bool              `yaml:"vibes" doc:"shakes too"`
	Tags   []string          `yaml:"tags" template:"true" doc:"words"`
	Extra  map[string]string `yaml:"extra" doc:"whatever"`
}

func TestOptionsTellTheirShape(t *testing.T) {
	t.Parallel()
	described, err := transports.OptionsOf(pagerOptions{})
	require.NoError(t, err)
	var lines []string
	for _, o := range described {
		lines = append(lines, fmt.Sprintf("%s %s %q %v %v %v", o.Name, o.Type, o.Default, o.OneOf, o.Template, o.Required))
		require.NotEmpty(t, o.Doc)
	}
	require.Equal(t, []string{
		`thread text "" [] true true`,
		`tone text "soft" [soft loud] false false`,
		`rings whole number "3" [] false false`,
		`volume number "0.5" [] false false`,
		`pause duration "2s" [] false false`,
		`vibes true or false "" [] false false`,
		`tags list of texts "" [] true false`,
		`extra map of texts "" [] false false`,
	}, lines)
	none, err := transports.OptionsOf(nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestOptionsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, wrong := range []any{
		"text",
		struct{ Name string }{},
		struct {
			name string `yaml:"name" doc:"x"`
		}{},
		struct {
			A string `yaml:"No Name" doc:"x"`
		}{},
		struct {
			A string `yaml:"a"`
		}{},
		struct {
			A transports.Secret `yaml:"a" doc:"credentials are no options"`
		}{},
		struct {
			A int `yaml:"a" template:"true" doc:"x"`
		}{},
		struct {
			A int `yaml:"a" default:"many" doc:"x"`
		}{},
		struct {
			A bool `yaml:"a" default:"true" doc:"x"`
		}{},
		struct {
			A string `yaml:"a" required:"true" default:"b" doc:"x"`
		}{},
		struct {
			A int `yaml:"a" oneof:"1,2" doc:"x"`
		}{},
		struct {
			A string `yaml:"a" oneof:"b,c" default:"d" doc:"x"`
		}{},
	} {
		_, err := transports.OptionsOf(wrong)
		require.Error(t, err, "%T", wrong)
	}
}

func TestOptionsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	given := pagerOptions{
		Thread: "t", Tone: "loud", Rings: 7, Volume: 1.25, Pause: time.Minute, Vibes: true,
		Tags: []string{"a"}, Extra: map[string]string{"b": "c"},
	}
	raw, err := transports.EncodeOptions(given)
	require.NoError(t, err)
	got, err := transports.Options[pagerOptions](transports.Message{Options: raw})
	require.NoError(t, err)
	require.Equal(t, given, got)

	got, err = transports.Options[pagerOptions](transports.Message{})
	require.NoError(t, err)
	require.Equal(t, pagerOptions{Tone: "soft", Rings: 3, Volume: 0.5, Pause: 2 * time.Second}, got)
	require.Equal(t, got, transports.WithDefaults(pagerOptions{}))

	for _, raw := range []string{`[]`, `{"rings": "many"}`} {
		_, err := transports.Options[pagerOptions](transports.Message{Options: json.RawMessage(raw)})
		require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	}
	none, err := transports.EncodeOptions(nil)
	require.NoError(t, err)
	require.Nil(t, none)
}
