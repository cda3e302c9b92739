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
	"realtime",
	"templates",
	"tenants",
	"audiences.*.except",
	"audiences.*.roles",
	"audiences.*.union",
	"audiences.*.watch",
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

func isLater(pattern string) bool { return slices.Contains(later, pattern) }

func laterKey(key string) string {
	verb := "is"
	if strings.HasSuffix(key, "s") {
		verb = "are"
	}
	return fmt.Sprintf("%s %s not built yet (remove the key; a later version reads it)", key, verb)
}
