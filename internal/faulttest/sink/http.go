package sink

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds what the HTTP sink reads of a request.
const maxBody = 1 << 20

// HTTP is a receiver of webhooks. Its sender is the User-Agent, its key the webhook-id, and what a message is about its
// path.
type HTTP struct {
	*server
	http *http.Server
	// keyed answers a key that was taken before without taking it again, as providers with idempotency keys do.
	keyed bool
	seen  chan map[string]bool // holds the one map of keys taken
}

// NewHTTP listens and serves until [HTTP.Close]. A keyed sink takes each key once.
func NewHTTP(cfg *Config, keyed bool) (*HTTP, error) {
	base, err := listen(cfg)
	if err != nil {
		return nil, err
	}
	s := &HTTP{server: base, keyed: keyed, seen: make(chan map[string]bool, 1)}
	s.seen <- map[string]bool{}
	s.http = &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: time.Minute}
	s.served.Go(func() { _ = s.http.Serve(base.listener) })
	return s, nil
}

func (s *HTTP) serve(w http.ResponseWriter, r *http.Request) {
	from, to := cmp.Or(r.UserAgent(), "unknown"), r.URL.Path
	s.add(from, func(c *Counts) { c.Begun++ })
	defer s.add(from, func(c *Counts) { c.Ended++ })
	if rule := s.At(Request, to); rule != (Rule{}) {
		s.act(w, rule)
		return
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	rule := s.At(End, to)
	silent := rule.Cut || rule.Never
	if rule.Code < 300 && (!silent || rule.Keep) {
		if err := s.take(r, raw, from, silent || rule.Delay > 0); err != nil {
			http.Error(w, "the log cannot be written", http.StatusServiceUnavailable)
			return
		}
	}
	s.add(from, func(c *Counts) { c.Waiting++ })
	defer s.add(from, func(c *Counts) { c.Waiting-- })
	s.act(w, rule)
}

func (s *HTTP) take(r *http.Request, raw []byte, from string, unanswered bool) error {
	key := r.Header.Get("Webhook-Id")
	if s.keyed {
		seen := <-s.seen
		known := seen[key]
		seen[key] = true
		s.seen <- seen
		if known {
			return nil
		}
	}
	hash := sha256.Sum256(raw)
	about := strings.TrimPrefix(r.URL.Path, "/")
	var body struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if json.Unmarshal(raw, &body) == nil && body.Data.ID != "" {
		about = "Order " + body.Data.ID + "."
	}
	stamp, _ := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
	err := s.log.Append(Entry{
		At: time.Now(), Key: key, About: about, To: "http://" + r.Host + r.URL.Path,
		Hash: hex.EncodeToString(hash[:8]), From: from, Unanswered: unanswered, Stamp: stamp,
	})
	if err == nil {
		s.add(from, func(c *Counts) { c.Accepted++ })
	}
	return err
}

func (s *HTTP) act(w http.ResponseWriter, r Rule) {
	s.hold(r)
	if r.Cut || r.Never {
		if hijacker, ok := w.(http.Hijacker); ok {
			if conn, _, err := hijacker.Hijack(); err == nil {
				_ = conn.Close()
			}
		}
		return
	}
	if r.Text != "" {
		w.Header().Set("Retry-After", r.Text)
	}
	if r.Location != "" {
		w.Header().Set("Location", r.Location)
	}
	w.WriteHeader(cmp.Or(r.Code, http.StatusNoContent))
}

// Cut closes every idle connection.
func (s *HTTP) Cut() { s.http.SetKeepAlivesEnabled(false); s.http.SetKeepAlivesEnabled(true) }

// Close ends the server and its log.
func (s *HTTP) Close() error {
	close(s.done)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	s.served.Wait()
	return errors.Join(err, s.log.Close())
}
