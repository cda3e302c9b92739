package receipts_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/carillon-notify/carillon/receipts"
)

// The races run on the database's own clock.
func race(t *testing.T, n int) *bundle {
	t.Helper()
	b := over(t, newPool(t))
	b.exec(`SELECT carillon.emit_event('orders.created', '{}', '{}',
		'[{"channel": "email.user", "transport": "email", "audience": "user", "priority": 2}]') FROM generate_series(1, $1)`, n)
	b.store = receipts.New(nil)
	return b
}

func TestEightClaimersOverOneLaneClaimEachReceiptOnce(t *testing.T) {
	t.Parallel()
	const n = 1000
	b := race(t, n)
	own := b.all()
	var mu sync.Mutex
	var claimed []uuid.UUID
	var group errgroup.Group
	for range 8 {
		mine := slices.Clone(own)
		rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		group.Go(func() error {
			for chunk := range slices.Chunk(mine, 20) {
				got, err := claimAll(t, b.db, chunk)
				if err != nil {
					return err
				}
				mu.Lock()
				claimed = append(claimed, got...)
				mu.Unlock()
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Len(t, claimed, n)
	require.ElementsMatch(t, own, claimed)
	require.Equal(t, n, read[int](b, "SELECT count(*) FROM carillon.receipts WHERE state = 'resolving'"))
	require.Equal(t, n, read[int](b, "SELECT sum(cardinality(receipts)) FROM carillon.leases"))
	b.audit()
}

func (b *bundle) all() []uuid.UUID {
	b.t.Helper()
	return read[[]uuid.UUID](b, "SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM carillon.receipts")
}

// Results race with the reclaim of leases that have expired already: every try is either recorded or reclaimed, never
// both, and no receipt is left behind.
func TestRecordAgainstReclaim(t *testing.T) {
	t.Parallel()
	const n, tries = 60, 200
	b := race(t, n)
	var group errgroup.Group
	var mu sync.Mutex
	results := map[uuid.UUID]int{}
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range 4 {
		workers.Add(1)
		group.Go(func() error {
			defer workers.Done()
			return b.zombie(&mu, results, tries)
		})
	}
	for range 3 {
		group.Go(func() error {
			for {
				if _, err := b.store.Reclaim(b.ctx(), b.db, 1000); err != nil {
					return err
				}
				select {
				case <-stop:
					return nil
				default:
				}
			}
		})
	}
	workers.Wait()
	close(stop)
	require.NoError(t, group.Wait())
	afterwards := receipts.New(&receipts.Config{NowFunc: func() time.Time { return time.Now().Add(time.Minute) }})
	for b.leases() > 0 {
		_, err := afterwards.Reclaim(b.ctx(), b.db, 1000)
		require.NoError(t, err)
	}
	b.audit()
	recorded, reclaimed := 0, 0
	for _, id := range b.all() {
		got := b.row(id)
		attempts := b.attempts(id)
		require.Len(t, attempts, got.Tries, "every try has one attempt")
		mine := 0
		for _, a := range attempts {
			if a.Outcome == receipts.AttemptRefused {
				mine++
			}
		}
		require.Equal(t, results[id], mine, "what Record said it recorded")
		require.Equal(t, got.Tries, got.Attempts)
		recorded, reclaimed = recorded+mine, reclaimed+len(attempts)-mine
	}
	t.Logf("recorded %d, reclaimed %d", recorded, reclaimed)
	require.NotZero(t, recorded)
	require.NotZero(t, reclaimed)
}

// zombie claims with a lease that may be over at once, and records as if nothing had happened.
func (b *bundle) zombie(mu *sync.Mutex, results map[uuid.UUID]int, tries int) error {
	for made := 0; made < tries; {
		batch, err := b.store.Claim(b.ctx(), b.db, receipts.ClaimParams{
			Lane: lane, More: 10, Lease: rand.N(10 * time.Millisecond), Worker: "zombie",
		})
		if err != nil {
			return err
		}
		var bindings []receipts.Binding
		for _, r := range batch.Receipts {
			bindings = append(bindings, receipts.Binding{ID: r.ID, Recipient: "ann"})
		}
		bound, err := b.store.Bind(b.ctx(), b.db, batch.Token, bindings)
		if err != nil {
			return err
		}
		made += len(bound)
		var chunk []receipts.Result
		for id := range bound {
			result := waiting(id, 0)
			result.CostsAttempt = true
			result.Attempt = &receipts.Attempt{Outcome: receipts.AttemptRefused, StartedAt: b.now, FinishedAt: b.now}
			chunk = append(chunk, result)
		}
		for part := range slices.Chunk(chunk, 3) {
			recorded, err := b.store.Record(b.ctx(), b.db, batch.Token, part, false)
			if err != nil {
				return err
			}
			mu.Lock()
			for _, id := range recorded {
				results[id]++
			}
			mu.Unlock()
		}
	}
	return nil
}

// Reconcile with no grace at all, beside emits, claims and retries, sets alarms in vain but takes nothing from anybody.
func TestReconcileBesideEverythingElse(t *testing.T) {
	t.Parallel()
	const n = 200
	b := race(t, n)
	var group errgroup.Group
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range 4 {
		workers.Add(1)
		group.Go(func() error {
			defer workers.Done()
			return b.untilFinished()
		})
	}
	group.Go(func() error {
		for {
			if _, err := b.store.Reconcile(b.ctx(), b.db, 0); err != nil {
				return err
			}
			select {
			case <-stop:
				return nil
			default:
			}
		}
	})
	workers.Wait()
	close(stop)
	require.NoError(t, group.Wait())
	require.Equal(t, n, read[int](b, "SELECT count(*) FROM carillon.receipts WHERE state = 'sent' AND tries = 3"))
	require.Zero(t, b.leases())
	b.audit()
}

// untilFinished sends each receipt on its third try, until all are sent.
func (b *bundle) untilFinished() error {
	for {
		batch, err := b.store.Claim(b.ctx(), b.db, receipts.ClaimParams{Lane: lane, More: 16, Lease: time.Minute, Worker: "sender"})
		if err != nil {
			return err
		}
		var bindings []receipts.Binding
		var results []receipts.Result
		for _, r := range batch.Receipts {
			bindings = append(bindings, receipts.Binding{ID: r.ID, Recipient: "ann"})
			if r.Tries == 2 {
				results = append(results, sent(r.ID))
			} else {
				results = append(results, waiting(r.ID, 0))
			}
		}
		if _, err := b.store.Bind(b.ctx(), b.db, batch.Token, bindings); err != nil {
			return err
		}
		if _, err := b.store.Record(b.ctx(), b.db, batch.Token, results, true); err != nil {
			return err
		}
		var live int
		if err := b.db.QueryRow(b.ctx(), "SELECT count(*) FROM carillon.receipts WHERE finished_at IS NULL").Scan(&live); err != nil || live == 0 {
			return err
		}
	}
}
