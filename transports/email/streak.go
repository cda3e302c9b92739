package email

import (
	"sync"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
)

// streakLasts is how long refusals are held together: two that lie further apart say nothing about one cause.
const streakLasts = time.Hour

// streaks counts the refusals of each rule that looks at how many came in a row. A mail accepted ends them all.
type streaks struct {
	mu     sync.Mutex
	counts map[string]int
	last   time.Time
}

// accepted ends every row.
func (s *streaks) accepted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
}

// classify says what f means, and counts it.
func (s *streaks) classify(f *failure, attempt int, now time.Time) *transports.Error {
	rule, ok := classify.SMTP().Find(f.outcome(attempt, 0))
	if !ok || rule.InARow == 0 {
		return classify.SMTP().Classify(f.outcome(attempt, 0))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts == nil || now.Sub(s.last) > streakLasts {
		s.counts = make(map[string]int)
	}
	s.last = now
	s.counts[rule.Name]++
	return classify.SMTP().Classify(f.outcome(attempt, s.counts[rule.Name]))
}
