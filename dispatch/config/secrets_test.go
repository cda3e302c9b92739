package config_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports"
)

// talkative makes transports that fail with their credential in the error, as parsers of URLs do.
func talkative() config.Builder {
	return config.Builder{
		Spec: transports.Spec{Name: "pager"},
		New: func(decode func(any) error) (transports.Transport, error) {
			var c struct {
				URL   transports.Secret `yaml:"url"`
				Count int               `yaml:"count"`
			}
			if err := decode(&c); err != nil {
				return nil, err
			}
			return nil, errors.Join(
				fmt.Errorf("pager: url %s is wrong", c.URL.Reveal()),
				errors.New("the password is hunter2/x, or escaped hunter2%2Fx"),
			)
		},
	}
}

func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, source string }{
		{"WrongScheme", "database_url: mysql://app:hunter2@db/shop"},
		{"NotAURL", "database_url: hunter2"},
		{"List", "database_url: [hunter2]"},
		{"Mapping", "database_url: { hunter2: hunter2 }"},
		{"FromTheEnvironment", "database_url: ${PASSWORD}"},
		{"UnknownKeyInFront", "databse_url: postgres://app:hunter2@db/shop"},
		{"Twice", "database_url: postgres://app:hunter2@db/shop\ndatabase_url: postgres://app:hunter2@db/shop"},
		{"Tag", "database_url: !hunter2 postgres://app:hunter2@db/shop"},
		{"Alias", "database_url: *hunter2"},
		{"BuilderSaysIt", `transports: { pager: { url: "https://app:hunter2%2Fx@pager" } }`},
		{"BuilderSaysTheEnvironment", `transports: { pager: { url: "${PASSWORD}" } }`},
		{"SMTP", "transports:\n  email: { smtp: 'smtp://shop:hunter2@ bad host', from: hunter2 }"},
		{"SMTPScheme", "transports:\n  email: { smtp: 'http://shop:hunter2@host', from: x@example.com }"},
		{"WrongKey", "transports: { email: { smpt: 'smtp://shop:hunter2@host' } }"},
		{"WrongKind", "transports: { pager: { count: hunter2 } }"},
		{"AsSection", "transports: { pager: 'https://app:hunter2@pager' }"},
		{"AsKey", "transports: { pager: { 'https://app:hunter2@pager': x } }"},
		{"AsUnknownTransport", "transports: { 'https://app:hunter2@pager': x }"},
		{"SyntaxQuote", "database_url: \"postgres://app:hunter2@db/shop"},
		{"SyntaxColon", "database_url: postgres://app: hunter2: x"},
		{"SyntaxHeader", "database_url: |hunter2\n  x"},
		{"SyntaxFlow", "transports: { pager: { url: https://app:hunter2@pager"},
		{"SyntaxTab", "transports:\n\tpager: hunter2"},
		{"SyntaxVersion", "%YAML hunter2\n---\na: b"},
		{"SyntaxEscape", "database_url: \"\\hunter2\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			env := func(name string) (string, bool) { return "hunter2", name == "PASSWORD" }
			_, err := config.Parse("c.yaml", []byte(c.source), append(two(), talkative()), env)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, fmt.Sprintf("%+v %#v", err, err), "hunter2")
		})
	}
}

func TestFileHidesItsSecrets(t *testing.T) {
	t.Parallel()
	file := parse(t, "database_url: postgres://app:hunter2@db/shop")
	require.NotContains(t, fmt.Sprintf("%v %+v", file, *file), "hunter2")
}
