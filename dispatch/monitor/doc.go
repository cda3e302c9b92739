// Package monitor answers over HTTP how a worker is: /healthz says whether it is alive, /readyz whether it can do its
// work, and /metrics what it has counted.
//
// It has no authentication. [Serve] listens where it is told, which should be the loopback interface or a network that
// only the monitoring reaches; programs with a server of their own mount [New]'s handler there.
package monitor
