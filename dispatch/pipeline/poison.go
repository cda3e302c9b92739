package pipeline

import (
	"context"

	"github.com/carillon-notify/carillon/receipts"
)

// poisonPanics is how many identical panics in a row set a receipt aside. A program that is about to be mended should
// not be tried out on the same message for days; an operator reopens it then.
const poisonPanics = 3

// suspect reports whether the item panicked, and was tried often enough to be poison.
func (it *item) suspect() bool {
	return it.result.State == receipts.Waiting && it.Attempts+1 >= poisonPanics &&
		it.result.Attempt != nil && it.result.Attempt.Code == codePanic
}

// quarantine turns pending results into poison whose last attempts all ended in the same panic.
func (r *recorder) quarantine(ctx context.Context) error {
	for i, result := range r.pending {
		it, suspected := r.suspects[result.ID]
		if !suspected {
			continue
		}
		earlier, err := r.store.Attempts(ctx, r.db, result.ID)
		if err != nil {
			return err
		}
		same := 1
		for n := len(earlier) - 1; n >= 0 && earlier[n].Code == codePanic && earlier[n].Detail == result.Attempt.Detail; n-- {
			same++
		}
		if same >= poisonPanics {
			result.State, result.Reason, result.Wait = receipts.Failed, receipts.Poison, 0
			r.pending[i] = result
			it.result = &result
		}
		delete(r.suspects, it.ID)
		r.observe(ctx, it)
	}
	return nil
}
