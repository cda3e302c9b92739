package config

import (
	"fmt"
	"slices"
	"strings"
)

// later lists the keys of capabilities that are planned and not built, as [Keys] would write them. Whoever builds one
// takes its line away.
var later = []string{
	"counters",
	"endpoints",
	"realtime",
	"templates",
	"tenants",
	"webhooks",
	"audiences.*.except",
	"audiences.*.roles",
	"audiences.*.union",
	"audiences.*.watch",
	"events.*.attachments",
	"events.*.digest",
	"events.*.locales",
	"events.*.quiet_hours",
	"events.*.throttle",
	"events.*.channels[].digest",
	"events.*.channels[].fallback",
	"events.*.channels[].locale",
	"events.*.channels[].throttle",
	"events.*.channels[].variant",
}

// laterTransports lists the transports that are planned and not built. One that a program has a [Builder] for is
// built, whatever this list says.
var laterTransports = []string{"broadcast", "discord", "slack", "sms", "web_push", "webhook"}

func isLater(pattern string) bool { return slices.Contains(later, pattern) }

func laterKey(key string) string {
	verb := "is"
	if strings.HasSuffix(key, "s") {
		verb = "are"
	}
	return fmt.Sprintf("%s %s not built yet (remove the key; a later version reads it)", key, verb)
}

func laterTransport(name string) string {
	return fmt.Sprintf("transport %s is not built yet (remove it; a later version sends through it)", name)
}
