package config_test

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/inapp"
)

// slackConfig has a field of every kind that a transport's configuration may have.
type slackConfig struct {
	WebhookURL transports.Secret `yaml:"webhook_url"`
	Retries    uint8             `yaml:"retries"`
	Ratio      float64           `yaml:"ratio"`
	Verbose    *bool             `yaml:"verbose"`
	Names      []string          `yaml:"names"`
	Extra      map[string]any    `yaml:"extra"`
	Hidden     func()            `yaml:"-"`
}

type gongs struct {
	slackConfig
	closed bool
}

func (*gongs) Name() string          { return "gongs" }
func (*gongs) Spec() transports.Spec { return slackSpec() }
func (*gongs) CheckAddress(address string) error {
	if address[0] != '#' {
		return errors.New("a channel's name begins with #")
	}
	return nil
}

func (*gongs) Send(context.Context, transports.Message) (transports.Result, error) {
	return transports.Result{}, nil
}

func (s *gongs) Close(context.Context) error {
	s.closed = true
	return nil
}

// slackOptions has a field of every kind that a channel's option may have.
type slackOptions struct {
	Thread  string            `yaml:"thread" template:"true" doc:"what is equal shares a thread"`
	Color   string            `yaml:"color" oneof:"red,green" default:"green" doc:"the bar's colour"`
	Loud    bool              `yaml:"loud" doc:"rings"`
	Height  int               `yaml:"height" default:"3" doc:"in lines"`
	Weight  float64           `yaml:"weight" doc:"in grams"`
	After   time.Duration     `yaml:"after" default:"5m" doc:"when it goes"`
	Tags    []string          `yaml:"tags" template:"true" doc:"words"`
	Details map[string]string `yaml:"details" template:"true" doc:"lines below the text"`
}

// CheckOptions has something to say about each of two options, and about none.
func (o slackOptions) CheckOptions() error {
	if o.Height <= 9 {
		return nil
	}
	return errors.Join(errors.New("height must be at most 9"), errors.New("the whole is too high"))
}

func slackSpec() transports.Spec {
	return transports.Spec{
		Name: "gongs", Required: []string{transports.FieldMessage}, Uses: []string{transports.FieldTitle}, Options: slackOptions{},
	}
}

func inAppBuilder() config.Builder {
	return config.Builder{
		Spec: transports.InAppSpec(), NoConfig: true,
		New: func(func(any) error) (transports.Transport, error) { return inapp.New(), nil },
	}
}

func emailBuilder() config.Builder {
	return config.Builder{Spec: transports.EmailSpec(), New: func(decode func(any) error) (transports.Transport, error) {
		var c email.Config
		if err := decode(&c); err != nil {
			return nil, err
		}
		t, err := email.New(&c)
		if err != nil {
			return nil, err
		}
		return t, nil
	}}
}

func slackBuilder() config.Builder {
	return config.Builder{Spec: slackSpec(), New: func(decode func(any) error) (transports.Transport, error) {
		var s gongs
		if err := decode(&s.slackConfig); err != nil {
			return nil, err
		}
		return &s, nil
	}}
}

// two are transports that Carillon brings; three are these and one that only this test has, under a name of its own.
func two() []config.Builder   { return []config.Builder{inAppBuilder(), emailBuilder()} }
func three() []config.Builder { return append(two(), slackBuilder()) }

// dkimKey stands for a private key: an Ed25519 key whose every byte is zero.
var dkimKey = base64.StdEncoding.EncodeToString(append(
	[]byte{0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20}, make([]byte, 32)...,
))

func environment(name string) (string, bool) {
	value, set := map[string]string{
		"DATABASE_URL":      "postgres://localhost/shop",
		"SLACK_WEBHOOK_URL": "https://hooks.example.com/services/T0PSECRET",
		"PGPASSWORD":        "pg-s3cret",
		"SMTP_PASSWORD":     "smtp-s3cret",
		"DKIM_KEY":          dkimKey,
		"SENDERS":           "12",
		"WORD":              "orders",
		"EMPTY":             "",
	}[name]
	return value, set
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return source
}

func parse(t *testing.T, source string) *config.File {
	t.Helper()
	file, err := config.Parse("carillon.yaml", []byte(source), three(), environment)
	require.NoError(t, err)
	return file
}

// problems are those of a source, as text.
func problems(t *testing.T, source string, builders []config.Builder) []string {
	t.Helper()
	file, err := config.Parse("c.yaml", []byte(source), builders, environment)
	require.Nil(t, file)
	var all config.Problems
	require.ErrorAs(t, err, &all)
	lines := make([]string, len(all))
	for i, p := range all {
		lines[i] = p.String()
	}
	return lines
}

func parseWith(source string, env map[string]string) (*config.File, error) {
	return config.Parse("c.yaml", []byte(source), three(), func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	})
}

func quote(text string) string { return regexp.QuoteMeta(text) }
