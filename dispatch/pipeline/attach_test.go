package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jhillyerd/enmime/v2"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/dispatch/people"
	"github.com/carillon-notify/carillon/dispatch/pipeline"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/receipts"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

// folder is a folder of attachments with an invoice and a logo, and something beside it that nobody may read.
func folder(t *testing.T) string {
	t.Helper()
	outer := t.TempDir()
	dir := filepath.Join(outer, "files")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "invoices"), 0o700))
	for name, content := range map[string]string{
		"invoices/A7.pdf": "%PDF-1.7 first", "logo.png": "\x89PNG\r\n\x1a\nlogo", "empty.txt": "", "../secret.txt": "secret",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(content), 0o600))
	}
	require.NoError(t, os.Symlink("../secret.txt", filepath.Join(dir, "link.txt")))
	return dir
}

func refers(list ...dispatch.Attachment) func(*dispatch.Resource[order], *dispatch.Event[order]) {
	return func(_ *dispatch.Resource[order], e *dispatch.Event[order]) { e.Attachments = list }
}

// withFiles is setup with a folder of attachments.
func withFiles(t *testing.T, cfg *attachments.Config, r dispatch.Resource[order], given ...transports.Transport) *bundle {
	t.Helper()
	b := setup(t, r, given...)
	b.Kit = dispatchtest.NewWith(t, b.tx, b.dispatcher, &dispatchtest.Config{Transports: given, Attachments: cfg})
	return b
}

func (b *bundle) count(t *testing.T, sql string) (n int) {
	t.Helper()
	require.NoError(t, b.tx.QueryRow(t.Context(), sql).Scan(&n))
	return n
}

func TestFilesGoAlongByReference(t *testing.T) {
	t.Parallel()
	channel := emailTo("user")
	channel.Attachments = []dispatch.Attachment{{File: "logo.png", Name: "Our logo.png", ContentID: "logo"}}
	channel.Content.HTML = `<p>Hi <img src="cid:logo"></p>`
	b := withFiles(t, &attachments.Config{Folder: folder(t)}, resource(refers(
		dispatch.Attachment{File: "invoices/{{ order_number }}.pdf", Name: "Invoice {{ order_number }}.pdf"},
	), channel))
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	sent := b.Sent(transports.Email)
	require.Len(t, sent, 1, b.Outcomes(event))
	require.Len(t, sent[0].Files, 2)
	require.Equal(t, "Invoice A7.pdf application/pdf %PDF-1.7 first", shown(sent[0].Files[0]))
	require.Equal(t, "Our logo.png image/png \x89PNG\r\n\x1a\nlogo", shown(sent[0].Files[1]))
	require.Equal(t, "logo", sent[0].Files[1].ContentID)
	account, err := receipts.New(nil).Account(t.Context(), b.tx, one(t, b.Receipts(event)).ID, nil)
	require.NoError(t, err)
	require.Len(t, account.Files, 2)
	require.Equal(t, int64(14), account.Files[0].Size)
	require.Len(t, account.Files[0].Hash, 64)
	require.Nil(t, account.Files[0].Content)
}

func shown(f transports.File) string { return f.Name + " " + f.MediaType + " " + string(f.Content) }

func TestContentsAreStoredOnce(t *testing.T) {
	t.Parallel()
	b := withFiles(t, &attachments.Config{Folder: folder(t)}, resource(refers(
		dispatch.Attachment{File: "logo.png"}, dispatch.Attachment{File: "logo.png", Name: "again.png"},
	), emailTo("others")))
	b.emit(t, numbered("ann", "ann", "bob", "dora"), nil)
	b.Deliver()
	require.Len(t, b.Sent(transports.Email), 3)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM carillon.attachments`))
	require.Equal(t, 3, b.count(t, `SELECT count(*) FROM carillon.attachment_uses`))
}

func TestWhatAFunctionMakesGoesAlong(t *testing.T) {
	t.Parallel()
	asked := 0
	second := emailTo("ops")
	second.Name = "second"
	b := withFiles(t, nil, resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.AttachFunc = func(_ context.Context, _ dispatch.Querier, o order, channel string) ([]dispatch.File, error) {
			asked++
			if channel == "second" {
				return nil, nil
			}
			return []dispatch.File{{Name: *o.Number + ".txt", Content: []byte("for " + o.UserID)}}, nil
		}
	}, emailTo("user"), second, inAppTo("user")), scripted(transports.Errorf(transports.Transient, "busy")))
	b.emit(t, numbered("ann"), nil)
	b.Deliver()
	b.Advance(aWhile)
	require.Equal(t, 2, asked, "once for each mail, not for other transports, nor for another try")
	fake := b.Fake(transports.Email)
	require.Nil(t, fake)
	require.Equal(t, 1, b.count(t, `SELECT count(*) FROM carillon.attachments WHERE content = 'for ann'`))
}

func TestAFunctionThatFailsIsAskedAgain(t *testing.T) {
	t.Parallel()
	asked := 0
	b := withFiles(t, nil, resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.AttachFunc = func(context.Context, dispatch.Querier, order, string) ([]dispatch.File, error) {
			asked++
			switch asked {
			case 1:
				return nil, errors.New("the printer is out of paper")
			case 2:
				panic("and on fire")
			}
			return []dispatch.File{{Name: "a.txt", Content: []byte("a")}}, nil
		}
	}, emailTo("user")))
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, "waiting(retry)", b.states(event)["email ann"])
	b.Advance(aWhile)
	require.Equal(t, "waiting(retry)", b.states(event)["email ann"])
	b.Advance(aWhile)
	require.Equal(t, "sent(accepted)", b.states(event)["email ann"])
	require.Len(t, b.Sent(transports.Email)[0].Files, 1)
}

func TestWhatMayNotGoAlongFailsWithAReason(t *testing.T) {
	t.Parallel()
	evil := "../secret"
	cases := map[string]struct {
		list []dispatch.Attachment
		fn   []dispatch.File
		html string
		cfg  attachments.Config
		o    func(*order)
		want string
	}{
		"NotThere":     {list: []dispatch.Attachment{{File: "invoices/{{ id }}.pdf"}}, want: `attachments[0]: there is no file "invoices/o-1.pdf"`},
		"Outside":      {list: []dispatch.Attachment{{File: "../secret.txt"}}, want: `attachments[0]: "../secret.txt" is no file below the folder`},
		"Absolute":     {list: []dispatch.Attachment{{File: "/etc/hostname"}}, want: `"/etc/hostname" is no file below the folder`},
		"LinkOutside":  {list: []dispatch.Attachment{{File: "link.txt"}}, want: `"link.txt" is no file below the folder`},
		"Folder":       {list: []dispatch.Attachment{{File: "invoices"}}, want: `"invoices" is no file below the folder`},
		"SlashInValue": {list: []dispatch.Attachment{{File: "invoices/{{ order_number }}.pdf"}}, o: func(o *order) { o.Number = &evil }, want: "attachments[0]: a value in the reference is no name"},
		"DotsInValue":  {list: []dispatch.Attachment{{File: "invoices/{{ id }}/logo.png"}}, o: func(o *order) { o.ID = ".." }, want: "attachments[0]: a value in the reference is no name"},
		"Empty":        {list: []dispatch.Attachment{{File: "empty.txt"}}, want: `attachments[0]: "empty.txt" has no content`},
		"BadName":      {list: []dispatch.Attachment{{File: "logo.png", Name: "{{ order_number }}"}}, o: func(o *order) { o.Number = &evil }, want: "attachments[0]: name has a slash"},
		"TooMany":      {list: []dispatch.Attachment{{File: "logo.png"}, {File: "logo.png"}}, cfg: attachments.Config{MaxFiles: 1}, want: "attachments: 2 files (at most 1)"},
		"TooLarge":     {list: []dispatch.Attachment{{File: "logo.png"}}, cfg: attachments.Config{MaxFileBytes: 5}, want: `attachments[0]: "logo.png" is larger than 5 bytes (max_file_bytes)`},
		"TogetherTooLarge": {
			list: []dispatch.Attachment{{File: "logo.png"}, {File: "logo.png"}}, cfg: attachments.Config{MaxBytes: 20},
			want: `attachments[1]: "logo.png" makes all files larger than 20 bytes (max_bytes)`,
		},
		"TooLargeWithTheFunctions": {
			list: []dispatch.Attachment{{File: "logo.png"}}, fn: []dispatch.File{{Name: "a", Content: make([]byte, 10)}}, cfg: attachments.Config{MaxBytes: 20},
			want: `file 1 of the function: makes all files larger than 20 bytes (max_bytes)`,
		},
		"NameOfTheFunctions":      {fn: []dispatch.File{{Name: "a\r\nBcc: b", Content: []byte("x")}}, want: "file 1 of the function: name has a line break"},
		"MediaTypeOfTheFunctions": {fn: []dispatch.File{{Name: "a", MediaType: "message/rfc822", Content: []byte("x")}}, want: "file 1 of the function: media_type is message/"},
		"InlineTwice": {
			fn:   []dispatch.File{{Name: "a", ContentID: "x", Content: []byte("x")}, {Name: "b", ContentID: "x", Content: []byte("y")}},
			want: "content_id x is there twice",
		},
		"InlineThatIsNotThere": {
			fn: []dispatch.File{{Name: "a", ContentID: "other", Content: []byte("x")}}, html: `<img src="cid:logo">`,
			want: "html shows cid:logo, and no attachment has that content_id",
		},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.Folder = folder(t)
			b := withFiles(t, &tt.cfg, resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
				e.Attachments, e.Content.HTML = tt.list, tt.html
				e.ContentFor = map[string]dispatch.Content{}
				if tt.fn != nil {
					e.AttachFunc = func(context.Context, dispatch.Querier, order, string) ([]dispatch.File, error) { return tt.fn, nil }
				}
			}, emailTo("user")))
			o := numbered("ann")
			if tt.o != nil {
				tt.o(&o)
			}
			event := b.emit(t, o, nil)
			b.Deliver()
			require.Equal(t, "failed(render)", b.states(event)["email ann"])
			attempts := b.Attempts(one(t, b.Receipts(event)).ID)
			require.Len(t, attempts, 1)
			require.Contains(t, attempts[0].Detail, tt.want)
			require.NotContains(t, attempts[0].Detail, "first", "nothing of a file is told")
			require.Empty(t, b.Sent(transports.Email))
			require.Zero(t, b.count(t, `SELECT count(*) FROM carillon.attachments`), "nor is anything kept of it")
		})
	}
}

func TestWithoutAFolderReferencesWait(t *testing.T) {
	t.Parallel()
	b := withFiles(t, nil, resource(refers(dispatch.Attachment{File: "logo.png"}), emailTo("user")))
	event := b.emit(t, numbered("ann"), nil)
	b.Deliver()
	require.Equal(t, "waiting(misconfigured)", b.states(event)["email ann"])
	require.Contains(t, b.Attempts(one(t, b.Receipts(event)).ID)[0].Detail, "attachments.folder")
}

// files emits a mail with an attachment in a database of its own, so that several workers see it.
type files struct {
	pool   *pgxpool.Pool
	store  *receipts.Store
	d      *dispatch.Dispatcher
	folder string
	sink   *smtpsink.Server
	mail   *email.Transport
	event  uuid.UUID
	now    time.Time
}

func emitted(t *testing.T) *files {
	t.Helper()
	f := &files{pool: dbtest.Pool(t), folder: folder(t), now: time.Now()}
	r := resource(refers(dispatch.Attachment{File: "invoices/{{ order_number }}.pdf"}), emailTo("user"))
	var err error
	f.d, err = dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}, Categories: []dispatch.Category{{Name: "orders"}}})
	require.NoError(t, err)
	f.store = receipts.New(&receipts.Config{NowFunc: func() time.Time { return f.now }})
	f.sink, err = smtpsink.Start(nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.sink.Close() })
	f.mail, err = email.New(&email.Config{SMTP: transports.Secret(f.sink.URL()), From: "shop@example.com"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.mail.Close(context.Background()) })
	require.NoError(t, people.Set(t.Context(), f.pool, "", people.Person{ID: "ann", Email: "ann@example.com"}))
	f.emit(t, r, numbered("ann"))
	return f
}

func (f *files) emit(t *testing.T, r dispatch.Resource[order], o order) {
	t.Helper()
	require.NoError(t, pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error {
		e, err := dispatch.For(f.d, r).EmitTx(t.Context(), tx, "created", o, nil)
		f.event, f.now = e.EventID, time.Now().Add(time.Second)
		return err
	}))
}

// work is one worker's whole life: it claims what is due, and sends it over the transport.
func (f *files) work(t *testing.T, transport transports.Transport) {
	t.Helper()
	p, err := pipeline.New(&pipeline.Config{
		Dispatcher: f.d, Transports: []transports.Transport{transport}, Store: f.store, Attachments: &attachments.Config{Folder: f.folder},
	})
	require.NoError(t, err)
	batch, err := f.store.Claim(t.Context(), f.pool, receipts.ClaimParams{Lane: "email_default", Own: []uuid.UUID{}, More: 10, Lease: time.Minute, Worker: "w"})
	require.NoError(t, err)
	require.Len(t, batch.Receipts, 1)
	require.NoError(t, p.Run(t.Context(), f.pool, batch))
}

// through sends over the real transport, and then does something else.
func (f *files) through(then func() error) transports.Transport {
	return transporttest.NewFake(transports.Email, &transporttest.FakeConfig{
		Spec: transports.EmailSpec(),
		SendFunc: func(ctx context.Context, m transports.Message) (transports.Result, error) {
			result, err := f.mail.Send(ctx, m)
			if err == nil {
				err = then()
			}
			return result, err
		},
	})
}

func (f *files) state(t *testing.T) string {
	t.Helper()
	list, err := f.store.OfEvent(t.Context(), f.pool, f.event)
	require.NoError(t, err)
	return string(list[0].State) + "(" + string(list[0].Reason) + ")"
}

// vanish changes the file, or takes it away, and takes the receipt's job with it.
func (f *files) vanish(t *testing.T, content string) {
	t.Helper()
	path := filepath.Join(f.folder, "invoices", "A7.pdf")
	if content == "" {
		require.NoError(t, os.Remove(path))
	} else {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	_, err := f.pool.Exec(t.Context(), `DELETE FROM carillon.river_job`)
	require.NoError(t, err)
}

// arrived wants both mails to be the same, with the first file.
func (f *files) arrived(t *testing.T, want int) {
	t.Helper()
	got := f.sink.Messages()
	require.Len(t, got, want)
	for _, m := range got {
		require.Equal(t, string(got[0].Raw), string(m.Raw))
		envelope, err := enmime.ReadEnvelope(bytes.NewReader(m.Raw))
		require.NoError(t, err)
		require.Len(t, envelope.Attachments, 1)
		require.Equal(t, "A7.pdf", envelope.Attachments[0].FileName)
		require.Equal(t, "%PDF-1.7 first", string(envelope.Attachments[0].Content))
	}
}

func TestARetryHasTheSameBytes(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"Changed": "%PDF-1.7 second", "Vanished": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := emitted(t)
			f.work(t, f.through(func() error { return transports.Errorf(transports.Unknown, "the line went dead") }))
			require.Equal(t, "waiting(retry)", f.state(t))
			f.vanish(t, content)
			f.now = f.now.Add(aWhile)
			_, err := f.store.Reconcile(t.Context(), f.pool, time.Second)
			require.NoError(t, err)
			f.work(t, f.mail)
			require.Equal(t, "sent(accepted)", f.state(t))
			f.arrived(t, 2)
		})
	}
}

func TestAWorkerThatIsLostAfterTheSendLeavesTheBytes(t *testing.T) {
	t.Parallel()
	f := emitted(t)
	f.work(t, f.through(func() error {
		// What another worker finds of one that never came back.
		f.vanish(t, "")
		f.now = f.now.Add(2 * time.Minute)
		taken, err := f.store.Reclaim(context.Background(), f.pool, 3)
		require.Len(t, taken, 1)
		return err
	}))
	require.Equal(t, "waiting(reclaimed)", f.state(t), "the first worker's result is fenced off")
	f.now = f.now.Add(aWhile)
	f.work(t, f.mail)
	require.Equal(t, "sent(accepted)", f.state(t))
	f.arrived(t, 2)
}

func TestAWorkerThatIsLostBeforeTheSendLeavesNothingInTheWay(t *testing.T) {
	t.Parallel()
	f := emitted(t)
	stop := make(chan struct{})
	close(stop)
	p, err := pipeline.New(&pipeline.Config{
		Dispatcher: f.d, Transports: []transports.Transport{f.mail}, Store: f.store, Attachments: &attachments.Config{Folder: f.folder}, Stop: stop,
	})
	require.NoError(t, err)
	batch, err := f.store.Claim(t.Context(), f.pool, receipts.ClaimParams{Lane: "email_default", Own: []uuid.UUID{}, More: 10, Lease: time.Minute, Worker: "w"})
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context(), f.pool, batch))
	require.Equal(t, "pending()", f.state(t), "rendered, and given back before it was bound")
	require.NoError(t, os.WriteFile(filepath.Join(f.folder, "invoices", "A7.pdf"), []byte("second"), 0o600))
	f.work(t, f.mail)
	envelope, err := enmime.ReadEnvelope(bytes.NewReader(f.sink.Messages()[0].Raw))
	require.NoError(t, err)
	require.Equal(t, "second", string(envelope.Attachments[0].Content), "nothing had left, so the newest goes out")
}

func TestWhatIsNotStoredAnyMoreIsNotSentWithout(t *testing.T) {
	t.Parallel()
	f := emitted(t)
	f.work(t, f.through(func() error { return transports.Errorf(transports.Transient, "busy") }))
	_, err := f.pool.Exec(t.Context(), `DELETE FROM carillon.attachment_uses; DELETE FROM carillon.attachments`)
	require.NoError(t, err)
	f.now = f.now.Add(aWhile)
	f.work(t, f.mail)
	require.Equal(t, "failed(rejected)", f.state(t))
	require.Len(t, f.sink.Messages(), 1)
}

func TestPruningLeavesWhatReceiptsReferTo(t *testing.T) {
	t.Parallel()
	f := emitted(t)
	f.work(t, f.mail)
	_, err := f.pool.Exec(t.Context(), `
		INSERT INTO carillon.attachments (hash, content, size, used_at)
		SELECT sha256(c), c, length(c), now() - a FROM (VALUES ('old'::bytea, interval '2 days'), ('new', interval '1 minute')) AS x(c, a)`)
	require.NoError(t, err)
	pruned, err := attachments.Prune(t.Context(), f.pool, time.Now().Add(-time.Hour), 100)
	require.NoError(t, err)
	require.Equal(t, 1, pruned)
	left := func() (n int) {
		require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT count(*) FROM carillon.attachments`).Scan(&n))
		return n
	}
	require.Equal(t, 2, left())
	_, err = f.pool.Exec(t.Context(), `DELETE FROM carillon.receipts`)
	require.NoError(t, err)
	pruned, err = attachments.Prune(t.Context(), f.pool, f.now.Add(time.Hour), 100)
	require.NoError(t, err)
	require.Equal(t, []int{2, 0}, []int{pruned, left()}, "a receipt that is gone refers to nothing")
}

func TestUsedAtIsTouched(t *testing.T) {
	t.Parallel()
	f := emitted(t)
	f.work(t, f.mail)
	_, err := f.pool.Exec(t.Context(), `UPDATE carillon.attachments SET used_at = now() - interval '1 year'`)
	require.NoError(t, err)
	f.emit(t, resource(refers(), emailTo("user")), numbered("ann"))
	f.work(t, f.mail)
	var touched bool
	require.NoError(t, f.pool.QueryRow(t.Context(), `SELECT bool_and(used_at > now() - interval '1 minute') FROM carillon.attachments`).Scan(&touched))
	require.True(t, touched)
}

// watched counts the files of each read of contents.
type watched struct {
	*pgxpool.Pool
	loads []int
}

func (w *watched) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if named, ok := args[0].(pgx.StrictNamedArgs); ok {
		if hashes, of := named["hashes"].([][]byte); of && named["receipt_id"] == nil {
			w.loads = append(w.loads, len(hashes))
		}
	}
	return w.Pool.Query(ctx, sql, args...)
}

func TestABatchHoldsTheFilesOfItsSendersOnly(t *testing.T) {
	t.Parallel()
	f := emitted(t)
	f.work(t, f.mail)
	r := resource(func(_ *dispatch.Resource[order], e *dispatch.Event[order]) {
		e.AttachFunc = func(context.Context, dispatch.Querier, order, string) ([]dispatch.File, error) {
			return []dispatch.File{{Name: "a.txt", Content: []byte(uuid.NewString())}}, nil
		}
	}, emailTo("others"))
	var err error
	f.d, err = dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}, Categories: []dispatch.Category{{Name: "orders"}}})
	require.NoError(t, err)
	var ids []string
	for i := range 20 {
		id := "p" + strings.Repeat("0", i)
		ids = append(ids, id)
		require.NoError(t, people.Set(t.Context(), f.pool, "", people.Person{ID: id, Email: id + "@example.com"}))
	}
	f.emit(t, r, numbered("x", ids...))
	f.work(t, f.mail) // expands
	fake := transporttest.NewFake(transports.Email, nil)
	p, err := pipeline.New(&pipeline.Config{
		Dispatcher: f.d, Transports: []transports.Transport{fake}, Store: f.store, Senders: 2, Attachments: &attachments.Config{Folder: f.folder},
	})
	require.NoError(t, err)
	batch, err := f.store.Claim(t.Context(), f.pool, receipts.ClaimParams{Lane: "email_default", Own: []uuid.UUID{}, More: 100, Lease: time.Minute, Worker: "w"})
	require.NoError(t, err)
	db := &watched{Pool: f.pool}
	require.NoError(t, p.Run(t.Context(), db, batch))
	require.Len(t, fake.Accepted(), 20)
	sum := 0
	for _, n := range db.loads {
		require.LessOrEqual(t, n, 2, "%v", db.loads)
		sum += n
	}
	require.Equal(t, 20, sum)
}

func TestAPlanListsFilesAndStoresNone(t *testing.T) {
	t.Parallel()
	b := withFiles(t, nil, resource(refers(dispatch.Attachment{File: "logo.png"}), emailTo("user")))
	planner, err := pipeline.NewPlanner(b.dispatcher, &pipeline.PlannerConfig{Attachments: &attachments.Config{Folder: folder(t)}})
	require.NoError(t, err)
	plan, err := planner.Plan(t.Context(), b.tx, pipeline.PlanParams{
		Event: "orders.created", Data: []byte(`{"id": "1", "order_number": "A7", "user_id": "ann", "others": []}`),
	})
	require.NoError(t, err)
	require.Len(t, plan.Recipients, 1)
	require.Len(t, plan.Recipients[0].Body.Files, 1, plan.Recipients[0].Detail)
	require.Equal(t, "logo.png", plan.Recipients[0].Body.Files[0].Name)
	require.Zero(t, b.count(t, `SELECT count(*) FROM carillon.attachments`))
}

func TestCapturedMessagesHaveTheirFiles(t *testing.T) {
	t.Parallel()
	f, outbox := emitted(t), t.TempDir()
	p, err := pipeline.New(&pipeline.Config{
		Dispatcher: f.d, Transports: []transports.Transport{f.mail}, Store: f.store, Attachments: &attachments.Config{Folder: f.folder},
		Delivery: &delivery.Config{Mode: delivery.Capture, Capture: outbox},
	})
	require.NoError(t, err)
	batch, err := f.store.Claim(t.Context(), f.pool, receipts.ClaimParams{Lane: "email_default", Own: []uuid.UUID{}, More: 10, Lease: time.Minute, Worker: "w"})
	require.NoError(t, err)
	require.NoError(t, p.Run(t.Context(), f.pool, batch))
	require.Equal(t, "skipped(captured)", f.state(t))
	names, err := filepath.Glob(filepath.Join(outbox, "email", "*.eml"))
	require.NoError(t, err)
	require.Len(t, names, 1)
	raw, err := os.ReadFile(names[0])
	require.NoError(t, err)
	envelope, err := enmime.ReadEnvelope(bytes.NewReader(raw))
	require.NoError(t, err)
	require.Equal(t, "%PDF-1.7 first", string(envelope.Attachments[0].Content))
}
