package herodispatch

// IncidentEvent is what the events of incidents carry.
type IncidentEvent struct {
	ID          string `json:"id"`
	Type        string `json:"type"`
	Description string `json:"description"`
	Location    string `json:"location"`
	Priority    string `json:"priority"`
	Status      string `json:"status"`
	Reporter    string `json:"reporter"`
	HeroCount   int    `json:"hero_count"`
	// Released are the heroes whom closing the incident has freed.
	Released []string `json:"released"`
}

// HeroEvent is what the events of heroes carry. It does not name the person behind the mask.
type HeroEvent struct {
	ID       string `json:"id"`
	Alias    string `json:"alias"`
	Status   string `json:"status"`
	Location string `json:"location"`
}

// AssignmentEvent is what the events of assignments carry: enough to tell the hero without looking anything up.
type AssignmentEvent struct {
	ID               string `json:"id"`
	HeroID           string `json:"hero_id"`
	HeroAlias        string `json:"hero_alias"`
	IncidentID       string `json:"incident_id"`
	IncidentType     string `json:"incident_type"`
	IncidentPriority string `json:"incident_priority"`
	Location         string `json:"location"`
	HeroCount        int    `json:"hero_count"`
}

func (i Incident) event(released []string) IncidentEvent {
	return IncidentEvent{
		ID: i.ID.String(), Type: i.Type, Description: i.Description, Location: i.Location,
		Priority: string(i.Priority), Status: string(i.Status), Reporter: i.Reporter,
		HeroCount: i.HeroCount, Released: released,
	}
}

func (h Hero) event() HeroEvent {
	return HeroEvent{ID: h.ID, Alias: h.Alias, Status: string(h.Status), Location: h.Location}
}

func (a Assignment) event(i Incident) AssignmentEvent {
	return AssignmentEvent{
		ID: a.ID.String(), HeroID: a.HeroID, HeroAlias: a.HeroAlias,
		IncidentID: i.ID.String(), IncidentType: i.Type, IncidentPriority: string(i.Priority),
		Location: i.Location, HeroCount: i.HeroCount,
	}
}
