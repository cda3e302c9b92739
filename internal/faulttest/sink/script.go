package sink

import (
	"strings"
	"sync"
	"time"
)

// The stages at which a rule may act. HTTP sinks know [Request] and [End] only.
const (
	Connect  = "connect"
	Hello    = "hello"
	StartTLS = "starttls"
	Auth     = "auth"
	Mail     = "mail"
	Rcpt     = "rcpt"
	Data     = "data"
	Body     = "body"
	End      = "end"
	Reset    = "reset"
	Quit     = "quit"
	Request  = "request"
)

// Rule changes what a sink does at a stage.
type Rule struct {
	Stage string `json:"stage"`
	// To restricts the rule to recipients that contain it, where the stage knows one.
	To string `json:"to,omitempty"`
	// Times is how often the rule acts; 0 is always. With Each it counts per recipient.
	Times int  `json:"times,omitempty"`
	Each  bool `json:"each,omitempty"`
	// Delay comes before the answer.
	Delay time.Duration `json:"delay,omitempty"`
	// Code refuses, or, from 200 to 299, accepts. 0 leaves the answer as it is.
	Code int `json:"code,omitempty"`
	// Text is the rest of the answer, with its enhanced code. For HTTP it is a Retry-After.
	Text string `json:"text,omitempty"`
	// Location is where an HTTP answer points to.
	Location string `json:"location,omitempty"`
	// Cut closes the connection instead of an answer. At [End] the message is not taken, unless Keep is set.
	Cut bool `json:"cut,omitempty"`
	// CutAfter closes the connection right after the answer.
	CutAfter bool `json:"cut_after,omitempty"`
	// Never gives no answer and leaves the connection open.
	Never bool `json:"never,omitempty"`
	// Keep takes the message although the answer is late, cut off or never comes.
	Keep bool `json:"keep,omitempty"`
}

// Script is what a sink plays. The first rule that fits acts. It is safe for concurrent use.
type Script struct {
	mu    sync.Mutex
	rules []Rule
	acted []map[string]int
}

// Set replaces the rules.
func (s *Script) Set(rules []Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = rules
	s.acted = make([]map[string]int, len(rules))
	for i := range s.acted {
		s.acted[i] = map[string]int{}
	}
}

// At returns the rule that acts at a stage, or the zero rule.
func (s *Script) At(stage, to string) Rule {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range s.rules {
		if r.Stage != stage || !strings.Contains(to, r.To) {
			continue
		}
		who := ""
		if r.Each {
			who = to
		}
		if r.Times > 0 && s.acted[i][who] >= r.Times {
			continue
		}
		s.acted[i][who]++
		return r
	}
	return Rule{}
}
