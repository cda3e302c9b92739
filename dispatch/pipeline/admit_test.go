package pipeline_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/flow"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// crowd is n people with addresses.
func (b *bundle) crowd(t *testing.T, n int) []string {
	t.Helper()
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("p%05d", i)
	}
	_, err := b.tx.Exec(t.Context(), `INSERT INTO carillon.people (tenant, id, email)
		SELECT '', id, id || '@example.com' FROM unnest($1::text[]) id`, ids)
	require.NoError(t, err)
	return ids
}

// tally counts an event's receipts by state and reason.
func (b *bundle) tally(t *testing.T) map[string]int {
	t.Helper()
	rows, err := b.tx.Query(t.Context(), `SELECT state || '(' || coalesce(reason, '') || ')', count(*)
		FROM carillon.receipts WHERE state <> 'expanded' GROUP BY 1`)
	require.NoError(t, err)
	counts := map[string]int{}
	for rows.Next() {
		var what string
		var n int
		require.NoError(t, rows.Scan(&what, &n))
		counts[what] = n
	}
	require.NoError(t, rows.Err())
	return counts
}

func (b *bundle) breakers(t *testing.T) []flow.Breaker {
	t.Helper()
	list, err := flow.Breakers(t.Context(), b.tx, "")
	require.NoError(t, err)
	return list
}

// server is an email transport whose answer can be changed, and which counts what reaches it.
type server struct {
	*transporttest.Fake
	answer atomic.Pointer[transports.Error]
	asked  atomic.Int64
}

func newServer(destination transports.Destination) *server {
	s := &server{}
	s.Fake = transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		SendFunc: func(context.Context, transports.Message) (transports.Result, error) {
			s.asked.Add(1)
			if answer := s.answer.Load(); answer != nil {
				return transports.Result{}, answer
			}
			return transports.Result{}, nil
		},
		DestinationFunc: func(transports.Message) transports.Destination { return destination },
	})
	return s
}

var mailhost = transports.Destination{Account: "shop", Host: "mail.example.com"}

func TestFiveReceiptsInARowOpenTheBreaker(t *testing.T) {
	t.Parallel()
	s := newServer(mailhost)
	b := setup(t, resource(nil, emailTo("others")), s)
	s.answer.Store(&transports.Error{Class: transports.Transient, Code: "refused", Detail: "connection refused"})
	b.emit(t, numbered("ann", b.crowd(t, 300)...), nil)
	b.Deliver()
	require.GreaterOrEqual(t, s.asked.Load(), int64(5))
	require.LessOrEqual(t, s.asked.Load(), int64(5+32), "what was under way when it opened")
	open := b.breakers(t)
	require.Len(t, open, 1)
	require.Regexp(t, "/shop$", open[0].Account, "a kit has accounts of its own")
	require.Equal(t, []string{transports.Email, "mail.example.com"}, []string{open[0].Transport, open[0].Host.Host})
	require.Equal(t, "refused", open[0].Code)
	tally := b.tally(t)
	require.EqualValues(t, s.asked.Load(), tally["waiting(retry)"])
	require.EqualValues(t, 300-s.asked.Load(), tally["waiting(breaker)"])

	before := s.asked.Load()
	b.Advance(29 * time.Second)
	require.Equal(t, before, s.asked.Load(), "nothing is sent while it is open")
	b.Advance(2 * time.Second)
	require.Equal(t, before+1, s.asked.Load(), "one probe when its time is up")
	require.Equal(t, 2, b.breakers(t)[0].Level)
	require.WithinDuration(t, b.Now().Add(time.Minute), b.breakers(t)[0].Until, 0, "and twice the time when that fails")

	s.answer.Store(nil)
	b.Advance(61 * time.Second)
	require.Empty(t, b.breakers(t))
	b.Advance(10 * time.Minute)
	require.Equal(t, map[string]int{"sent(accepted)": 300}, b.tally(t))
}

func TestOneBadReceiptDoesNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	s := newServer(mailhost)
	b := setup(t, resource(retried(dispatch.RetryCode), emailTo("user")), s)
	s.answer.Store(&transports.Error{Class: transports.Transient})
	b.emit(t, numbered("ann"), nil)
	for range 12 {
		b.Advance(30 * time.Second)
	}
	require.Equal(t, map[string]int{"failed(exhausted)": 1}, b.tally(t))
	require.Empty(t, b.breakers(t))
}

func TestAnswersThatAreNotTheDestinationsFaultDoNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]*transports.Error{
		"Permanent": {Class: transports.Permanent}, "Address": {Class: transports.Address},
		"Greylist": {Class: transports.Transient, RetryAfter: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(mailhost)
			b := setup(t, resource(nil, emailTo("others")), s)
			s.answer.Store(answer)
			b.emit(t, numbered("ann", b.crowd(t, 60)...), nil)
			b.Deliver()
			require.EqualValues(t, 60, s.asked.Load())
			require.Empty(t, b.breakers(t))
		})
	}
}

func TestHalfOfTwentyFailuresInAMinuteOpenTheBreaker(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		every, opened int
	}{{2, 1}, {3, 0}} {
		t.Run(fmt.Sprint("Every", test.every), func(t *testing.T) {
			t.Parallel()
			s := newServer(mailhost)
			b := setup(t, resource(nil, emailTo("user")), s)
			for i := range 24 {
				s.answer.Store(nil)
				if i%test.every == 0 {
					s.answer.Store(&transports.Error{Class: transports.Transient})
				}
				require.NoError(t, people.Set(t.Context(), b.tx, "", people.Person{ID: fmt.Sprint(i), Email: "a@example.com"}))
				b.emit(t, numbered(fmt.Sprint(i)), nil)
				b.Advance(10 * time.Millisecond)
			}
			require.Len(t, b.breakers(t), test.opened)
		})
	}
}

func TestRefusedCredentialsForAnHourCostNothingButOneLoginAtATime(t *testing.T) {
	t.Parallel()
	const queued = 300
	s := newServer(mailhost)
	b := setup(t, resource(nil, emailTo("others")), s)
	s.answer.Store(&transports.Error{Class: transports.Configuration, Code: "535 5.7.8", Detail: "authentication failed"})
	b.emit(t, numbered("ann", b.crowd(t, queued)...), nil)
	b.Deliver()
	first := s.asked.Load()
	require.LessOrEqual(t, first, int64(2+32), "two confirm each other; the rest were under way")
	logins, level := first, b.breakers(t)[0].Level
	for end := b.Now().Add(time.Hour); b.Now().Before(end); {
		b.Advance(30 * time.Second)
		now := s.asked.Load()
		require.LessOrEqual(t, now-logins, int64(1))
		if now > logins {
			level++
			logins = now
			require.Equal(t, level, b.breakers(t)[0].Level)
		}
	}
	// 30 s, 1, 2, 4 and 8 min, and then every 10: about nine in an hour.
	require.InDelta(t, 9, logins-first, 1.5)
	tally := b.tally(t)
	require.Equal(t, queued, tally["waiting(breaker)"]+tally["waiting(misconfigured)"])
	var spent int
	require.NoError(t, b.tx.QueryRow(t.Context(), `SELECT sum(attempts) FROM carillon.receipts`).Scan(&spent))
	require.Zero(t, spent)

	s.answer.Store(nil)
	for range 20 {
		b.Advance(time.Minute)
	}
	require.Equal(t, map[string]int{"sent(accepted)": queued}, b.tally(t))
}
