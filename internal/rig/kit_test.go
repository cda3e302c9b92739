package rig_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/inbox"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/rig"
	"github.com/carillon-notify/carillon/preferences"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/inapp"
)

// stage is one transport with a database.
type stage struct {
	spec transports.Spec
	rig  *rig.Rig
	pool *pgxpool.Pool
	// moved is how far the clock is ahead, in tests that move it by themselves.
	moved time.Duration
}

func setup(t *testing.T, spec transports.Spec) *stage {
	t.Helper()
	pool := dbtest.Pool(t)
	return &stage{spec: spec, pool: pool, rig: rig.New(t, spec.Name, pool)}
}

// play is one event through one channel.
type play struct {
	event   dispatch.Event[dispatch.Data]
	channel dispatch.Channel
	// late is how long after the emit a worker looks.
	late time.Duration
	// answer is the provider's.
	answer rig.Answer
	// fixed has the channel's audience as declared, and no function to find recipients.
	fixed bool
	data  dispatch.Data
	// address is where to, if it is not the usual one.
	address string
}

// marks are the texts of a full event, of which none is part of another.
var marks = dispatch.Content{
	Subject: "MarkSubject {{ word }}", Title: "MarkTitle", Message: "MarkMessage", Text: "MarkText", HTML: "<p>MarkHTML</p>",
	From: "markfrom@example.com", ReplyTo: "markreply@example.com", ActionURL: "https://markurl.example.com/A7", ActionLabel: "MarkLabel",
}

// full is an event with everything that the transport sends.
func (s *stage) full() *play {
	p := &play{
		event:   dispatch.Event[dispatch.Data]{Name: "created", Category: "loud", NotificationType: dispatch.Success},
		channel: dispatch.Channel{Transport: s.spec.Name, Audience: "first", Options: s.rig.Options},
		data:    dispatch.Data{"word": "plain"},
	}
	to := p.event.Content.Fields()
	for i, f := range marks.Fields() {
		if slices.Contains(s.spec.Fields(), f.Name) {
			*to[i].Value = *f.Value
		}
	}
	if s.spec.Once {
		p.fixed = true
	}
	return p
}

// told is what became of a play: the receipts and attempts, and what arrived, each line with when that was.
func (s *stage) told(t *testing.T, p *play) string {
	t.Helper()
	event := p.event
	event.Sample = &dispatch.Data{"word": "plain"}
	event.Channels = append([]dispatch.Channel{p.channel}, event.Channels...)
	if !p.fixed {
		event.RecipientsFunc = func(_ context.Context, _ dispatch.Querier, _ dispatch.Data, audience string) ([]dispatch.Recipient, error) {
			if audience == "second" {
				return []dispatch.Recipient{{ID: "bob", Address: s.rig.Other}}, nil
			}
			return []dispatch.Recipient{{ID: "ann", Address: cmp.Or(p.address, s.rig.Address)}}, nil
		}
	}
	resource := dispatch.Resource[dispatch.Data]{
		Name: "orders", KeyFunc: func(dispatch.Data) string { return "A7" }, Events: []dispatch.Event[dispatch.Data]{event},
		Audiences: map[string]dispatch.Audience{"first": dispatch.Field("word"), "second": dispatch.Field("word")},
	}
	if p.fixed {
		resource.Audiences = map[string]dispatch.Audience{
			"first": dispatch.Fixed(s.spec.Name, s.rig.Address), "second": dispatch.Fixed(s.spec.Name, s.rig.Other),
		}
	}
	d, err := dispatch.New(&dispatch.Config{
		Resources: []dispatch.Declaration{resource}, Categories: []dispatch.Category{{Name: "loud"}, {Name: "quiet"}},
	})
	if err != nil {
		return "refused: " + err.Error()
	}
	if p.answer != rig.Scripted {
		s.rig.Set(p.answer)
	}
	before := len(s.got(t, s.pool))
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	for _, person := range []people.Person{
		{ID: "ann", Name: "Ann", Locale: "de-CH", Email: "ann@example.com", Phone: "+4915112345670"}, {ID: "bob", Name: "Bob"},
	} {
		require.NoError(t, people.Set(t.Context(), tx, "", person))
	}
	require.NoError(t, preferences.Set(t.Context(), tx, preferences.Preference{Person: "ann", Category: "quiet", Choice: preferences.Off}))
	given := []transports.Transport{s.rig.Transport}
	if s.spec.Name != transports.InApp {
		given = append(given, inapp.New())
	}
	kit := dispatchtest.NewWith(t, tx, d, &dispatchtest.Config{Transports: given, Attachments: &attachments.Config{Folder: "testdata"}})
	emitted, err := dispatch.For(d, resource).EmitTx(t.Context(), tx, "created", p.data, nil)
	require.NoError(t, err)
	var story strings.Builder
	kit.Advance(p.late)
	s.tell(t, &story, tx, kit, "now", before, emitted.EventID)
	list, err := inbox.List(t.Context(), tx, "", "ann", 10)
	require.NoError(t, err)
	for _, n := range list {
		_, err := inbox.MarkRead(t.Context(), tx, "", "ann", []uuid.UUID{n.ID})
		require.NoError(t, err)
	}
	kit.Advance(2 * time.Hour)
	s.tell(t, &story, tx, kit, "later", before, emitted.EventID)
	return story.String()
}

// disabling counts what a provider's answer may switch off. Ann and bob have a browser each.
var disabling = map[string]string{
	"the room":         `SELECT count(*) FROM carillon.chat_rooms`,
	"the subscription": `SELECT (SELECT count(*) FROM carillon.push_subscriptions WHERE state <> 'active') + 2 * (SELECT count(DISTINCT person) % 2 FROM carillon.push_subscriptions)`,
}

func (s *stage) got(t *testing.T, db interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
},
) []string {
	t.Helper()
	return s.rig.Got(t.Context(), t, db)
}

func (s *stage) tell(t *testing.T, story *strings.Builder, tx pgx.Tx, kit *dispatchtest.Kit, when string, before int, event uuid.UUID) {
	t.Helper()
	for _, r := range kit.Receipts(event) {
		fmt.Fprintf(story, "%s receipt channel=%s audience=%s recipient=%s priority=%s %s(%s) attempts=%d\n",
			when, r.Channel, r.Audience, r.Recipient, r.Priority, r.State, r.Reason, r.Attempts)
		for _, a := range kit.Attempts(r.ID) {
			fmt.Fprintf(story, "%s attempt %d %s %s\n", when, a.N, a.Outcome, a.Class)
		}
	}
	for what, sql := range disabling {
		var n int
		require.NoError(t, tx.QueryRow(t.Context(), sql).Scan(&n))
		if n > 0 {
			fmt.Fprintf(story, "%s disabled %s\n", when, what)
		}
	}
	got := s.got(t, tx)
	fmt.Fprintf(story, "%s got %d\n", when, len(got)-before)
	for _, sent := range got[before:] {
		fmt.Fprintf(story, "%s got: %s\n", when, sent)
	}
}
