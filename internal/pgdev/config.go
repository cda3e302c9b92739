package pgdev

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// Config says what kind of server [Start] raises. The zero value is a good one for tests.
type Config struct {
	// Durable lets the server wait for the disk: fsync, synchronous_commit and full_page_writes are on. Use it for
	// measurements and for tests of a crash of the machine. Defaults to false.
	Durable bool

	// ExtraSettings are settings of postgresql.conf, which override ours.
	ExtraSettings map[string]string

	// InMemory keeps the server's files in memory if there is a file system for that with room to spare, and TMPDIR is not
	// set. A database is copied there in 10 ms instead of 30 to 200. It excludes Durable. Defaults to false.
	InMemory bool

	// Logger gets the steps at Debug and downloads, which take long, at Info. Defaults to [slog.Default].
	Logger *slog.Logger

	// MaxConnections is max_connections. Defaults to 200.
	MaxConnections int
}

var settingName = regexp.MustCompile(`^[a-z_][a-z0-9_.]*$`)

// withDefaults returns a valid copy of c, which may be nil.
func (c *Config) withDefaults() (*Config, error) {
	config := Config{}
	if c != nil {
		config = *c
	}
	config.Logger = cmp.Or(config.Logger, slog.Default())
	config.MaxConnections = cmp.Or(config.MaxConnections, 200)
	return &config, config.validate()
}

func (c *Config) validate() error {
	if c.MaxConnections < 1 {
		return fmt.Errorf("config: MaxConnections must be positive, not %d", c.MaxConnections)
	}
	if c.InMemory && c.Durable {
		return errors.New("config: InMemory and Durable exclude each other")
	}
	for name := range c.ExtraSettings {
		if !settingName.MatchString(name) {
			return fmt.Errorf("config: ExtraSettings has %q, which is no name of a setting", name)
		}
	}
	return nil
}

// arguments are the settings as arguments of the program postgres, in a stable order.
func (c *Config) arguments() []string {
	settings := map[string]string{
		"jit":             "off",
		"log_timezone":    "UTC",
		"max_connections": strconv.Itoa(c.MaxConnections),
		"timezone":        "UTC",
	}
	if !c.Durable {
		settings["fsync"] = "off"
		settings["full_page_writes"] = "off"
		settings["synchronous_commit"] = "off"
	}
	if c.InMemory {
		settings["max_wal_size"] = "256MB"
	}
	maps.Copy(settings, c.ExtraSettings)
	args := make([]string, 0, 2*len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}
