package sink

import "sync"

// Counts are what a sink has seen of one sender.
type Counts struct {
	// Connections were opened.
	Connections int `json:"connections"`
	// Logins were tried.
	Logins int `json:"logins"`
	// Begun are messages whose envelope was begun; Accepted those that were logged; Ended those that are over, however.
	Begun    int `json:"begun"`
	Accepted int `json:"accepted"`
	Ended    int `json:"ended"`
	// Waiting are messages that wait for an answer which the script holds back.
	Waiting int `json:"waiting"`
}

// counters count by sender.
type counters struct {
	mu  sync.Mutex
	all map[string]*Counts
}

func (c *counters) add(from string, change func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]*Counts{}
	}
	if c.all[from] == nil {
		c.all[from] = &Counts{}
	}
	change(c.all[from])
}

func (c *counters) snapshot() map[string]Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]Counts, len(c.all))
	for from, counts := range c.all {
		all[from] = *counts
	}
	return all
}

// Sum adds the counts of all senders.
func Sum(all map[string]Counts) Counts {
	var sum Counts
	for _, c := range all {
		sum.Connections += c.Connections
		sum.Logins += c.Logins
		sum.Begun += c.Begun
		sum.Accepted += c.Accepted
		sum.Ended += c.Ended
		sum.Waiting += c.Waiting
	}
	return sum
}
