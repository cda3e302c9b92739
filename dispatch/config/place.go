package config

import (
	"strings"

	"github.com/carillon-notify/carillon/dispatch"
)

// relocate notes what dispatch.New found at the place in the file that it comes from. What only follows from a problem
// that is noted already is left away.
func (l *loader) relocate(problems dispatch.Problems) {
	for _, p := range problems {
		path, follows := l.origin(p.Path)
		if !follows {
			l.refuse(path, "%s", p.Message)
		}
	}
}

// origin is the path in the file of a path in the declarations, and whether something there was reported before.
func (l *loader) origin(path string) (where string, follows bool) {
	if _, audience, ok := strings.Cut(path, ".audiences."); ok && strings.HasPrefix(path, "resources.") {
		return "audiences." + audience, false
	}
	key, rest, ok := l.eventOf(path)
	if !ok {
		return path, false
	}
	event := "events." + key
	if field, ok := strings.CutPrefix(rest, "data."); ok {
		return event + ".sample." + field, false
	}
	i, inChannel, ok := l.channelOf(key, rest)
	if inChannel == "name" && l.doc.Events[key].Channels[i].Name == "" {
		// The name was made of a transport and an audience.
		return path, l.reported(event + ".channels" + index(i))
	}
	field, content := strings.CutPrefix(inChannel, "content")
	if !ok || !content {
		return path, false
	}
	// What a template may read is unknown when the sample is wrong.
	follows = l.reported(event + ".sample")
	for _, place := range []string{
		event + ".channels" + index(i) + ".content",
		event + ".content_for." + l.doc.Events[key].Channels[i].Transport,
		event + ".content",
	} {
		follows = follows || l.reported(place+field)
		if n := l.root.find(place + field); field != "" && n != nil && (n.kind != scalar || n.text != "") && n.kind != null {
			return place + field, follows
		}
	}
	return path, follows
}

// eventOf splits a path below an event into the event's key and the rest.
func (l *loader) eventOf(path string) (key, rest string, ok bool) {
	path, below := strings.CutPrefix(path, "events.")
	if !below {
		return "", "", false
	}
	for name := range l.doc.Events {
		if within(path, name) && len(name) > len(key) {
			key = name
		}
	}
	return key, strings.TrimPrefix(path[len(key):], "."), key != ""
}

// channelOf splits the rest of an event's path into the number of the channel and what follows it.
func (l *loader) channelOf(key, path string) (i int, rest string, ok bool) {
	path, below := strings.CutPrefix(path, "channels")
	if !below {
		return 0, "", false
	}
	for i := range l.doc.Events[key].Channels {
		if rest, ok := strings.CutPrefix(path, index(i)); ok {
			return i, strings.TrimPrefix(rest, "."), true
		}
	}
	return 0, "", false
}
