package attachments

import (
	"cmp"
	"errors"
	"fmt"
	"os"
)

// Config says where the files of messages are, and how much goes along. A nil config has no folder, and the defaults.
type Config struct {
	// Folder is what references to files begin in; none leads out of it, not through a link either. Defaults to none, and
	// then only functions of the application give files.
	Folder string `yaml:"folder"`
	// MaxFiles is how many files a message may have. Defaults to 10; at most 100.
	MaxFiles int `yaml:"max_files"`
	// MaxFileBytes is how large each may be, before it is encoded for the way. Defaults to max_bytes; at most 104857600.
	MaxFileBytes int `yaml:"max_file_bytes"`
	// MaxBytes is how large all files of a message may be together. A mail grows by more than a third of it, and every
	// sender may hold that many at a time. Defaults to 10485760, which is 10 MiB; at most 104857600.
	MaxBytes int `yaml:"max_bytes"`
}

const (
	// The defaults are what common mail servers take.
	defaultFiles = 10
	defaultBytes = 10 << 20
	mostFiles    = 100
	mostBytes    = 100 << 20
)

// Problem is one thing wrong with a [Config].
type Problem struct {
	// Key is its place as in carillon.yaml, such as max_files.
	Key string
	// Message says what is wrong and the way out.
	Message string
}

// Check reports everything that is wrong, in the order of the keys. It does not look for the folder.
func (c *Config) Check() []Problem {
	if c == nil {
		return nil
	}
	var problems []Problem
	for _, one := range []struct {
		key         string
		value, most int
	}{
		{"max_files", c.MaxFiles, mostFiles}, {"max_file_bytes", c.MaxFileBytes, mostBytes}, {"max_bytes", c.MaxBytes, mostBytes},
	} {
		if one.value < 0 || one.value > one.most {
			problems = append(problems, Problem{one.key, fmt.Sprintf("%d is out of range (1 to %d; 0 is the default)", one.value, one.most)})
		}
	}
	if full := c.withDefaults(); full.MaxFileBytes > full.MaxBytes {
		problems = append(problems, Problem{"max_file_bytes", "is more than max_bytes, which all files of a message have together"})
	}
	return problems
}

// CheckFolder reports a folder that is named and not there, or that is none.
func (c *Config) CheckFolder() error {
	if c == nil || c.Folder == "" {
		return nil
	}
	info, err := os.Stat(c.Folder)
	switch {
	case err != nil:
		return fmt.Errorf("folder: %w", errors.Unwrap(err))
	case !info.IsDir():
		return errors.New("folder: is no folder")
	}
	return nil
}

func (c *Config) withDefaults() Config {
	var full Config
	if c != nil {
		full = *c
	}
	full.MaxFiles = cmp.Or(full.MaxFiles, defaultFiles)
	full.MaxBytes = cmp.Or(full.MaxBytes, defaultBytes)
	full.MaxFileBytes = cmp.Or(full.MaxFileBytes, full.MaxBytes)
	return full
}
