package transports

import "log/slog"

// Secret is a credential. It prints as [redacted] everywhere; only [Secret.Reveal] gives the value.
type Secret string

const redacted = "[redacted]"

// Reveal returns the credential itself, for the one place that hands it to a provider.
func (s Secret) Reveal() string { return string(s) }

// String hides the value.
func (s Secret) String() string { return redacted }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return redacted }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the value from encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
