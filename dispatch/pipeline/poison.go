package pipeline

import (
	"context"

	"github.com/carillon-notify/carillon/receipts"
)

// poisonPanics is how many identical panics in a row set a receipt aside. A program that is about to be mended should
// not be tried out on the same message for days; an operator reopens it then.
const poisonPanics = 3

// quarantine turns pending results into poison whose last attempts all ended in the same panic.
func (r *recorder) quarantine(ctx context.Context) error {
	for i, result := range r.pending {
		made := r.made[result.ID]
		if result.State != receipts.Waiting || made < poisonPanics || result.Attempt == nil || result.Attempt.Code != codePanic {
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
			r.pending[i].State, r.pending[i].Reason, r.pending[i].Wait = receipts.Failed, receipts.Poison, 0
		}
	}
	return nil
}
