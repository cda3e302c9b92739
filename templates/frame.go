package templates

import (
	"fmt"
	"strings"
)

const (
	maxSource = 256 << 10 // A mail of more than 100 KiB is clipped by the large providers anyway.
	maxOutput = 1 << 20
	maxSteps  = 100_000
	maxWork   = 64 << 20

	// maxNesting keeps the compiler and both engines off the end of the stack. html/template escapes the body of a range
	// twice, so that its time doubles with each one: hence a lower limit for those.
	maxNesting = 64
	maxRanges  = 8
)

// frame is one execution. It is the value of $ in the rewritten template, and thereby within reach of each function
// that the compiler has put there.
type frame struct {
	tmpl  *Template
	data  map[string]any
	steps int
	work  int
}

// step is called at the start of every range body.
func (f *frame) step() error {
	f.steps++
	if f.steps > maxSteps {
		return ErrTooManySteps
	}
	return nil
}

// charge pays for one call of a function by the size of what it reads and of what it makes. Without it, a loop within the limit of steps
// could still work on a large text 100,000 times.
func (f *frame) charge(args []any) error {
	size := 0
	for _, arg := range args {
		if s, ok := arg.(string); ok {
			size += len(s)
		}
	}
	if size > 2*maxOutput {
		return ErrTooLarge
	}
	return f.spend(1 + size)
}

// spend takes from the budget of work.
func (f *frame) spend(work int) error {
	f.work += work
	if f.work > maxWork {
		return ErrTooManySteps
	}
	return nil
}

// output collects what a template writes and stops it at the limit.
type output struct{ b strings.Builder }

// Write implements io.Writer. It returns [ErrTooLarge] instead of growing past the limit.
func (o *output) Write(p []byte) (int, error) {
	if o.b.Len()+len(p) > maxOutput {
		return 0, fmt.Errorf("output is over %d bytes: %w", maxOutput, ErrTooLarge)
	}
	return o.b.Write(p)
}
