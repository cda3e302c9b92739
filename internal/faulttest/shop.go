package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/transports"
)

// order is the payload of every event here. Its row and its event share a transaction.
type order struct {
	ID     string `json:"id"`
	UserID string `json:"user_id"`
}

// The actions, each with the one event that it causes.
const (
	actCreate = dispatch.Action("create") // an email to the buyer
	actNote   = dispatch.Action("note")   // a notification to the buyer
	actUrge   = dispatch.Action("urge")   // a critical email to the buyer
	actAll    = dispatch.Action("all")    // a bulk email to everybody
	actHook   = dispatch.Action("hook")   // a webhook to every endpoint
)

// resource is what an emitter knows: names and priorities. How a message reads is the worker's matter.
func resource() dispatch.Resource[order] {
	event := func(name string, on dispatch.Action, priority dispatch.Priority, transport, audience string) dispatch.Event[order] {
		if transport == transports.Webhook {
			return dispatch.Event[order]{
				Name: name, On: []dispatch.Action{on}, Channels: []dispatch.Channel{{Transport: transport, Audience: audience}},
			}
		}
		return dispatch.Event[order]{
			Name: name, On: []dispatch.Action{on}, Priority: priority,
			Channels: []dispatch.Channel{{Transport: transport, Audience: audience}},
			Content:  dispatch.Content{Subject: subjectTemplate, Title: subjectTemplate, Message: "Thank you."},
		}
	}
	buyer := dispatch.Person(func(o order) string { return o.UserID })
	return dispatch.Resource[order]{
		Name: "orders", KeyFunc: func(o order) string { return o.ID },
		Actions: []dispatch.Action{actCreate, actNote, actUrge, actAll, actHook},
		// Who everybody is, the worker finds out.
		Audiences: map[string]dispatch.Audience{"buyer": buyer, "everybody": buyer, "hooks": dispatch.Endpoints()},
		Events: []dispatch.Event[order]{
			event("created", actCreate, dispatch.Default, transports.Email, "buyer"),
			event("noted", actNote, dispatch.Default, transports.InApp, "buyer"),
			event("urged", actUrge, dispatch.Critical, transports.Email, "buyer"),
			event("announced", actAll, dispatch.Bulk, transports.Email, "everybody"),
			event("hooked", actHook, dispatch.Default, transports.Webhook, "hooks"),
		},
	}
}

const subjectTemplate = "Order {{ id }}."

// workerOpts say how a worker runs.
type workerOpts struct {
	// name is what the sinks know the worker by.
	name string
	// fault arms failpoints.
	fault string
	// senders defaults to 8.
	senders int
	// grace defaults to 10 s.
	grace time.Duration
	// smtp defaults to the arena's sink, dsn to its database.
	smtp, dsn string
	// query is added to the URL of the mail server.
	query string
	// retry is the base of the waits; it defaults to 1 s, and caps them too.
	retry time.Duration
	// program defaults to the arena's carillon.
	program string
	// wrap is put before the command, and gives its process to it.
	wrap []string
	// email and worker are more keys of these sections.
	email, worker []string
	env           []string
}

func (o workerOpts) full() workerOpts {
	o.senders = cmp.Or(o.senders, 8)
	o.grace = cmp.Or(o.grace, 10*time.Second)
	o.retry = cmp.Or(o.retry, time.Second)
	return o
}

// configure writes the worker's carillon.yaml and returns its path.
func (a *arena) configure(o workerOpts) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `people:
  sql: select id, name, email from app.people where id = any($1::text[])
audiences:
  buyer: { field: user_id }
  everybody: { sql: "select id from app.people where $1::jsonb is not null" }
  hooks: { endpoints: true }
transports:
  webhook:
    allow_http: true
    allow: ["127.0.0.0/8"]
    timeout: 10s
  email:
    smtp: "smtp://%s%s"
    from: "Shop <shop@example.com>"
    helo: %s.test
    max_connections: %d
`, cmp.Or(o.smtp, a.mail.addr), o.query, o.name, o.senders)
	for _, line := range o.email {
		fmt.Fprintf(&b, "    %s\n", line)
	}
	fmt.Fprintf(&b, "worker:\n  senders: %d\n  grace: %s\n  retry: { base: %s, cap: %s, max_attempts: 1000 }\n", o.senders, o.grace, o.retry, 4*o.retry)
	for _, line := range o.worker {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("events:\n")
	for _, e := range []struct{ name, priority, transport, audience string }{
		{"created", "default", transports.Email, "buyer"},
		{"noted", "default", transports.InApp, "buyer"},
		{"urged", "critical", transports.Email, "buyer"},
		{"announced", "bulk", transports.Email, "everybody"},
	} {
		fmt.Fprintf(&b, `  orders.%s:
    priority: %s
    sample: { id: o1, user_id: u1 }
    channels:
      - { transport: %s, audience: %s }
    content: { subject: "%s", title: "%s", message: Thank you. }
`, e.name, e.priority, e.transport, e.audience, subjectTemplate, subjectTemplate)
	}
	b.WriteString(`  orders.hooked:
    sample: { id: o1, user_id: u1 }
    channels:
      - { transport: webhook, audience: hooks }
`)
	path := filepath.Join(a.dir, fmt.Sprintf("%s-%d.yaml", o.name, len(a.workers)+1))
	return path, os.WriteFile(path, []byte(b.String()), 0o600)
}
