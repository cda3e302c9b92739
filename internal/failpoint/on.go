//go:build fault

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// On tells whether the program was built with the tag.
const On = true

// rule says what happens at one point.
type rule struct {
	action string
	// nth is the pass that it happens at; 0 is every pass about something that has about in it.
	nth    int64
	about  string
	hold   time.Duration
	passes atomic.Int64
}

var armed = sync.OnceValues(func() (map[Name]*rule, error) { return parse(os.Getenv(Variable)) })

// Pass does what the environment wants at this step; about is what the pass is about, such as an address. It panics if
// the environment asks for a panic, or for something that it cannot read.
func Pass(at Name, about ...string) {
	rules, err := armed()
	if err != nil {
		panic(err)
	}
	r := rules[at]
	if r == nil || !r.meets(about) {
		return
	}
	fmt.Fprintf(os.Stderr, "failpoint: %s at %s\n", r.action, at)
	switch r.action {
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	case "panic":
		panic("a panic that the environment asked for")
	case "block":
		if r.hold == 0 {
			select {}
		}
		<-time.After(r.hold)
	}
}

func (r *rule) meets(about []string) bool {
	if r.nth > 0 {
		return r.passes.Add(1) == r.nth
	}
	for _, text := range about {
		if strings.Contains(text, r.about) {
			return true
		}
	}
	return false
}

func parse(spec string) (map[Name]*rule, error) {
	rules := map[Name]*rule{}
	if spec == "" {
		return rules, nil
	}
	for _, one := range strings.Split(spec, ",") {
		name, what, ok := strings.Cut(one, "=")
		r, err := parseRule(what)
		if !ok || err != nil {
			return nil, fmt.Errorf("%s: %q is not POINT=ACTION:PASS or POINT=ACTION~TEXT (%w)", Variable, one, err)
		}
		rules[Name(name)] = r
	}
	return rules, nil
}

func parseRule(what string) (*rule, error) {
	r := &rule{}
	var err error
	if action, about, every := strings.Cut(what, "~"); every {
		r.action, r.about = action, about
	} else {
		parts := strings.SplitN(what, ":", 3)
		r.action, r.nth = parts[0], 1
		if len(parts) > 1 {
			r.nth, err = strconv.ParseInt(parts[1], 10, 64)
		}
		if len(parts) > 2 && err == nil {
			r.hold, err = time.ParseDuration(parts[2])
		}
	}
	if r.action != "kill" && r.action != "block" && r.action != "panic" {
		return nil, fmt.Errorf("unknown action %q", r.action)
	}
	return r, err
}
