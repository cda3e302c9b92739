package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// scriptAddress sets VAR to an address that is free, or that something listens at until the script ends.
func scriptAddress(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || args[0] != "free" && args[0] != "taken" {
		ts.Fatalf("usage: address free|taken VAR")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // It ends at once, or with the script.
	ts.Check(err)
	ts.Setenv(args[1], l.Addr().String())
	if args[0] == "free" {
		ts.Check(l.Close())
		return
	}
	ts.Defer(func() { _ = l.Close() })
}

// scriptGet asks until the answer has the status; its body is standard output.
func scriptGet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get STATUS URL")
	}
	last := "no answer"
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(patience); time.Now().Before(until); <-tick.C {
		response, err := http.Get(args[1]) //nolint:noctx,gosec // The script names it, and patience ends it.
		if err != nil {
			last = err.Error()
			continue
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		ts.Check(err)
		if strconv.Itoa(response.StatusCode) == args[0] {
			_, err := ts.Stdout().Write(body)
			ts.Check(err)
			return
		}
		last = fmt.Sprintf("%s %s", response.Status, body)
	}
	ts.Fatalf("no %s from %s: %s", args[0], args[1], last)
}

// collector is what OTLP over HTTP is exported to.
type collector struct {
	mu    sync.Mutex
	spans []string
}

// ServeHTTP takes spans down, each as a line of its service, its name and its attributes.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collectortrace.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.GetResourceSpans() {
		service := ""
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				line := fmt.Sprintf("%s: %s links=%d", service, span.GetName(), len(span.GetLinks()))
				for _, a := range span.GetAttributes() {
					line += " " + a.GetKey() + "=" + a.GetValue().GetStringValue()
				}
				c.spans = append(c.spans, line)
			}
		}
	}
}

// scriptCollector sets VAR to the URL of a collector of spans; without one it prints what that got.
func scriptCollector(ts *testscript.TestScript, neg bool, args []string) {
	c := ts.Value(collectorKey{}).(*collector)
	if neg || len(args) > 1 {
		ts.Fatalf("usage: collector [VAR]")
	}
	if len(args) == 1 {
		server := httptest.NewServer(c)
		ts.Defer(server.Close)
		ts.Setenv(args[0], server.URL)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, line := range c.spans {
		_, err := fmt.Fprintln(ts.Stdout(), line)
		ts.Check(err)
	}
}

// collectorKey is the key of a script's collector.
type collectorKey struct{}
