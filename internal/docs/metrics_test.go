package docs_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/telemetry"
)

// listed is a registerer that only takes down what there is.
type listed struct{ rows []string }

var (
	description = regexp.MustCompile(`fqName: "(\w+)", help: "((?:[^"\\]|\\.)*)".*variableLabels: \{([^}]*)\}`)
	anyMetric   = regexp.MustCompile(`carillon_\w+`)
)

func (l *listed) Register(c prometheus.Collector) error {
	kind := "gauge"
	switch c.(type) {
	case *prometheus.CounterVec, prometheus.Counter:
		kind = "counter"
	case *prometheus.HistogramVec:
		kind = "histogram"
	}
	if _, isGauge := c.(*prometheus.GaugeVec); isGauge {
		kind = "gauge"
	}
	described := make(chan *prometheus.Desc, 100)
	c.Describe(described)
	close(described)
	for d := range described {
		m := description.FindStringSubmatch(d.String())
		if m == nil {
			return fmt.Errorf("unreadable: %s", d)
		}
		labels := ""
		for label := range strings.FieldsFuncSeq(m[3], func(r rune) bool { return r == ',' || r == ' ' }) {
			labels += "`" + label + "` "
		}
		l.rows = append(l.rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", m[1], kind, strings.TrimSpace(labels), m[2]))
	}
	return nil
}

func (l *listed) MustRegister(...prometheus.Collector) {}

func (l *listed) Unregister(prometheus.Collector) bool { return false }

// not parallel: with -update it writes the page that others read.
func TestMetricsAreThoseOfTheCode(t *testing.T) {
	l := &listed{}
	_, err := telemetry.New(&telemetry.Config{Metrics: l})
	require.NoError(t, err)
	require.NoError(t, l.Register(telemetry.NewDatabase(nil, nil, nil)))
	slices.Sort(l.rows)
	page := read(t, filepath.Join(root, "docs", "observability.md"))
	first, last := page.generated(t, "metrics")
	page.expect(t, first, last, "\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"+strings.Join(l.rows, "")+"\n")
	// Alerts and queries name no other.
	all := strings.Join(l.rows, "")
	for _, line := range page.lines {
		for _, name := range anyMetric.FindAllString(line, -1) {
			bare := strings.TrimSuffix(name, "_bucket")
			require.Contains(t, all, "`"+bare+"`")
		}
	}
}
