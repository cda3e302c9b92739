package discord

import (
	"net/http"
	"sync"
	"time"
)

// Discord bans an address for 10,000 invalid requests, those answered with 401, 403 or 429, in 10 minutes.
// https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans
const (
	refusalSpan = 10 * time.Minute
	maxRefusals = 1000
)

// refusals counts a process's share of them, in spans of ten minutes.
type refusals struct {
	mu    sync.Mutex
	began time.Time
	count int
}

func (r *refusals) note(status int, now time.Time) {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests:
	default:
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Sub(r.began) >= refusalSpan {
		r.began, r.count = now, 0
	}
	r.count++
}

// wait is how long nothing must be sent; 0 if something may.
func (r *refusals) wait(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count < maxRefusals {
		return 0
	}
	return max(0, r.began.Add(refusalSpan).Sub(now))
}
