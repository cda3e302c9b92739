package herodispatch

import (
	"time"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/transports"
)

// The categories: what people can switch on and off.
const (
	// News is about incidents. Whoever has enough of it switches it off.
	News = "news"
	// Calls are for heroes, who cannot switch them off.
	Calls = "calls"
	// Roster is about who is on duty.
	Roster = "roster"
)

// CoolingOff is how long the office waits before it mails a reporter that all is well: those who read it in the app
// need no mail. A real office would wait for minutes; this one is watched.
const CoolingOff = 1500 * time.Millisecond

// PublicURL is where the office would be on the web.
const PublicURL = "https://herodispatch.example"

// Where the office writes to many at once: the dispatchers' channel in Slack, and the one of the heroes' fans in Discord.
const (
	Room       = "#dispatch"
	FanChannel = "220000000000000001"
)

// inRoom gathers what is written about one incident in a thread.
var inRoom = transports.SlackOptions{Thread: true}

// dispatchers are those on duty, found by a query each time somebody is to be told.
var dispatchers = dispatch.SQL(sqlFindDispatchers)

// Incidents tell reporters and dispatchers how things stand.
var Incidents = dispatch.Resource[IncidentEvent]{
	Name:    "incidents",
	KeyFunc: func(i IncidentEvent) string { return i.ID },
	Actions: []dispatch.Action{ReportAction, MarkDispatched, MarkInProgress, MarkResolved, MarkClosed, Reopen},
	Audiences: map[string]dispatch.Audience{
		"reporter":    dispatch.Person(func(i IncidentEvent) string { return i.Reporter }),
		"released":    dispatch.People(func(i IncidentEvent) []string { return i.Released }),
		"dispatchers": dispatchers,
		"room":        dispatch.Fixed(transports.Slack, Room),
		"fans":        dispatch.Fixed(transports.Discord, FanChannel),
		"city_hall":   dispatch.Endpoints(),
	},
	Events: []dispatch.Event[IncidentEvent]{
		{
			Name: "reported", On: []dispatch.Action{ReportAction},
			Category: News, NotificationType: dispatch.Warning,
			Channels: []dispatch.Channel{
				{Transport: transports.InApp, Audience: "dispatchers"},
				{Transport: transports.Email, Audience: "dispatchers"},
				{Transport: transports.Email, Audience: "reporter", Content: dispatch.Content{
					Subject: "We have your report: {{ type }} at {{ location }}",
					HTML: `<p>Dear {{ recipient.name | default "citizen" }},</p>
<p>thank you for reporting this:</p>
<blockquote>{{ description }}</blockquote>
<p>{{ if eq priority "critical" }}Stay clear of it, help is being called right now.{{ else }}We will see to it.{{ end }}
<a href="{{ public_url }}/incidents/{{ id }}">See how it goes</a>.</p>`,
				}},
				{Transport: transports.Slack, Audience: "room", Options: inRoom, Content: dispatch.Content{
					Message: "Priority {{ priority }}, reported by {{ reporter }}: {{ description | truncate 200 }}",
				}},
				{Transport: transports.Webhook, Audience: "city_hall", Content: dispatch.Content{
					Message: "{{ type }} at {{ location }}, priority {{ priority }}",
				}},
			},
			Content: dispatch.Content{
				Subject:     `{{ if eq priority "critical" }}CRITICAL: {{ end }}{{ type }} at {{ location }}`,
				Title:       "{{ type }} at {{ location }}",
				Message:     "{{ recipient.name }}, an incident of {{ priority }} priority was reported: {{ description | truncate 200 }}",
				ActionURL:   "{{ public_url }}/incidents/{{ id }}",
				ActionLabel: "Assign a hero",
			},
		},
		{
			Name: "dispatched", On: []dispatch.Action{MarkDispatched},
			Category: News,
			Channels: []dispatch.Channel{{Transport: transports.InApp, Audience: "reporter"}},
			Content: dispatch.Content{
				Title:   "Help is on its way",
				Message: "{{ if gt hero_count 1 }}{{ hero_count }} heroes are{{ else }}A hero is{{ end }} on the way to {{ location }}.",
			},
		},
		{
			Name: "in_progress", On: []dispatch.Action{MarkInProgress},
			Category: News,
			Channels: []dispatch.Channel{
				{Transport: transports.InApp, Audience: "reporter"},
				{Transport: transports.WebPush, Audience: "reporter", Options: transports.WebPushOptions{TTL: time.Hour, Urgency: "high"}},
			},
			Content: dispatch.Content{
				Title:     "Help is there",
				Message:   "It has come to {{ location }} and is at work.",
				ActionURL: "{{ public_url }}/incidents/{{ id }}",
			},
		},
		{
			Name: "resolved", On: []dispatch.Action{MarkResolved},
			Category: News, NotificationType: dispatch.Success,
			Channels: []dispatch.Channel{
				{Transport: transports.InApp, Audience: "reporter"},
				{Transport: transports.Email, Audience: "reporter", Delay: CoolingOff, Policy: dispatch.SkipIfRead},
				{Transport: transports.Slack, Audience: "room", Options: inRoom, Content: dispatch.Content{
					Message: "The {{ type }} at {{ location }} is dealt with.",
				}},
			},
			Content: dispatch.Content{
				Subject: "All is well at {{ location }}",
				Title:   "All is well",
				Message: `Dear {{ recipient.name | default "citizen" }}, the {{ type }} at {{ location }} is dealt with.`,
			},
		},
		{
			Name: "closed", On: []dispatch.Action{MarkClosed},
			Category: News,
			Channels: []dispatch.Channel{
				{Transport: transports.InApp, Audience: "dispatchers"},
				{Transport: transports.InApp, Audience: "released", Content: dispatch.Content{
					Title:   "You can go home",
					Message: "The {{ type }} at {{ location }} is closed, and you are free.",
				}},
				{Transport: transports.InApp, Audience: "reporter", Content: dispatch.Content{
					Title:   "Your report is closed",
					Message: "The {{ type }} at {{ location }} is behind us. Call again if it is not.",
				}},
				{Transport: transports.Discord, Audience: "fans", Content: dispatch.Content{
					Title:   "Another day saved",
					Message: "The {{ type }} at {{ location }} is behind us, thanks to your heroes.",
				}},
				{Transport: transports.Webhook, Audience: "city_hall", Content: dispatch.Content{
					Message: "{{ type }} at {{ location }} is closed",
				}},
			},
			Content: dispatch.Content{
				Title:   "Closed: {{ type }} at {{ location }}",
				Message: "{{ actor | default \"Somebody\" }} closed it.{{ if released }} {{ len released }} more free now.{{ end }}",
			},
		},
		{
			Name: "reopened", On: []dispatch.Action{Reopen},
			Category: News, NotificationType: dispatch.Warning,
			Channels: []dispatch.Channel{
				{Transport: transports.InApp, Audience: "dispatchers"},
				{Transport: transports.InApp, Audience: "reporter", Content: dispatch.Content{
					Title:   "We look at it again",
					Message: "Your report of the {{ type }} at {{ location }} is open again.",
				}},
			},
			Content: dispatch.Content{
				Title:   "Open again: {{ type }} at {{ location }}",
				Message: "{{ actor | default \"Somebody\" }} reopened it: {{ description | truncate 200 }}",
			},
		},
	},
}

// Heroes tell the dispatchers on whom they can count, and heroes what was decided about them. Registering a hero and
// writing something down about one are no news to anybody, so those actions have no event.
var Heroes = dispatch.Resource[HeroEvent]{
	Name:    "heroes",
	KeyFunc: func(h HeroEvent) string { return h.ID },
	Actions: []dispatch.Action{Register, Update, MarkDispatched, MarkAvailable, MarkUnavailable, ReturnToDuty},
	Audiences: map[string]dispatch.Audience{
		"hero":        dispatch.Person(func(h HeroEvent) string { return h.ID }),
		"dispatchers": dispatchers,
	},
	Events: []dispatch.Event[HeroEvent]{
		{
			Name: "duty_changed", On: []dispatch.Action{MarkUnavailable, ReturnToDuty},
			Category: Roster,
			Channels: []dispatch.Channel{
				{Transport: transports.InApp, Audience: "dispatchers"},
				{Transport: transports.InApp, Audience: "hero", Content: dispatch.Content{
					Title:   `{{ if eq status "available" }}Welcome back{{ else }}You are off the roster{{ end }}`,
					Message: `{{ if eq status "available" }}You can be called again.{{ else }}Nobody will call you until you return.{{ end }}`,
				}},
			},
			Content: dispatch.Content{
				Title:   "{{ alias }} is {{ status }}",
				Message: "{{ if location }}Last seen at {{ location }}.{{ else }}Nobody knows where.{{ end }}",
			},
		},
		{
			// Only by hand: who is assigned, unassigned or released hears of that.
			Name: "moved", On: []dispatch.Action{MarkDispatched, MarkAvailable},
			Category: Roster,
			Channels: []dispatch.Channel{
				{Transport: transports.InApp, Audience: "dispatchers"},
				{Transport: transports.InApp, Audience: "hero", Content: dispatch.Content{
					Title:   `{{ if eq status "available" }}You are back{{ else }}You are sent out{{ end }}`,
					Message: `{{ actor | default "Somebody" }} has written it down by hand. Ask, if you know nothing of it.`,
				}},
			},
			Content: dispatch.Content{
				Title:   "{{ alias }} is {{ status }}",
				Message: `{{ actor | default "Somebody" }} has written it down by hand, for no incident.`,
			},
		},
	},
}

// Assignments tell heroes where they are needed.
var Assignments = dispatch.Resource[AssignmentEvent]{
	Name:    "assignments",
	KeyFunc: func(a AssignmentEvent) string { return a.ID },
	Actions: []dispatch.Action{Assign, Unassign},
	Audiences: map[string]dispatch.Audience{
		"hero": dispatch.Person(func(a AssignmentEvent) string { return a.HeroID }),
	},
	Events: []dispatch.Event[AssignmentEvent]{
		{
			Name: "assigned", On: []dispatch.Action{Assign},
			Category: Calls, NotificationType: dispatch.Warning, Priority: dispatch.Critical,
			Channels: []dispatch.Channel{
				{Transport: transports.InApp, Audience: "hero"},
				{Transport: transports.Email, Audience: "hero"},
				{Transport: transports.SMS, Audience: "hero", Content: dispatch.Content{
					Message: "{{ hero_alias }}, you are needed at {{ location }}: {{ incident_type }}, priority {{ incident_priority }}.",
				}},
			},
			Content: dispatch.Content{
				Subject: "{{ hero_alias }}, you are needed at {{ location }}",
				Title:   "You are needed at {{ location }}",
				Message: "{{ recipient.name }}, it is a case of {{ incident_type }}, priority {{ incident_priority }}. " +
					"{{ if gt hero_count 1 }}You are {{ hero_count }} on it.{{ else }}You are the first.{{ end }}",
				ActionURL:   "{{ public_url }}/incidents/{{ incident_id }}",
				ActionLabel: "Where to go",
			},
		},
		{
			Name: "unassigned", On: []dispatch.Action{Unassign},
			Category: Calls, NotificationType: dispatch.Success,
			Channels: []dispatch.Channel{{Transport: transports.InApp, Audience: "hero"}},
			Content: dispatch.Content{
				Title:   "Well done",
				Message: "{{ recipient.name }}, you are off the {{ incident_type }} at {{ location }} and free.",
			},
		},
	},
}

// NewDispatcher checks the declarations above. People are read from the office's own table, by city.
func NewDispatcher() (*dispatch.Dispatcher, error) {
	return dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{Incidents, Heroes, Assignments},
		Categories: []dispatch.Category{
			{Name: News, Label: "News of incidents"},
			{Name: Calls, Label: "Calls to incidents", Mandatory: true},
			{Name: Roster, Label: "The roster"},
		},
		People:    people.SQL{Query: sqlFindPeople},
		PublicURL: PublicURL,
	})
}
