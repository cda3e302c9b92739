package rig

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/carillon-notify/carillon/internal/smtpsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/broadcast"
	mail "github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/job"
)

// secretKey signs webhooks.
var secretKey = transports.Secret("whsec_" + base64.StdEncoding.EncodeToString([]byte(Credential+"0123456789")))

func email(tb testing.TB, r *Rig, _ *pgxpool.Pool) {
	tb.Helper()
	var sink *smtpsink.Server
	answer := func(s smtpsink.Session) smtpsink.Answer {
		echo := fmt.Sprintf("sorry %s %v", s.User, s.To)
		raw := ""
		switch a := r.take(raw); a {
		case Refuse:
			return smtpsink.Refuse(554, "5.6.0", echo)
		case Fail:
			return smtpsink.Refuse(451, "4.3.0", echo)
		case Lose:
			return smtpsink.Answer{Cut: smtpsink.CutKeeping}
		case Hang:
			return smtpsink.Answer{Wait: r.hung}
		case Accept, Scripted:
		}
		return smtpsink.Answer{}
	}
	sink, err := smtpsink.Start(&smtpsink.Config{Username: "user" + Credential, Password: "pass" + Credential, DataFunc: answer})
	check(tb, err)
	tb.Cleanup(func() { _ = sink.Close() })
	url := strings.Replace(sink.URL(), "://", "://user"+Credential+":pass"+Credential+"@", 1)
	if strings.Contains(sink.URL(), "@") {
		url = sink.URL()
	}
	r.Transport, err = mail.New(&mail.Config{
		SMTP: transports.Secret(url), From: "shop@example.com", SendTimeout: 2 * timeout, ReplyTimeout: timeout,
	})
	check(tb, err)
	r.Address, r.Other = Private+"@example.com", "other@example.com"
	r.raw = func() []string {
		var all []string
		for _, m := range sink.Messages() {
			all = append(all, strings.ReplaceAll(string(m.Raw), "\r\n", "\n"))
		}
		return all
	}
}

func inApp(_ testing.TB, r *Rig, _ *pgxpool.Pool) {
	r.Transport = inapp.New()
	r.SQL = sqlNotifications
}

// recorded tells what was notified: a test's transaction never commits.
type recorded struct {
	*broadcast.Transport
	rig *Rig
}

func (t recorded) SendTx(ctx context.Context, tx pgx.Tx, ms []transports.Message) ([]transports.Result, error) {
	return t.Transport.SendTx(ctx, recordedTx{tx, t.rig}, ms)
}

type recordedTx struct {
	pgx.Tx
	rig *Rig
}

func (t recordedTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if named, ok := args[0].(pgx.StrictNamedArgs); ok {
		for _, signal := range named["signals"].([]string) {
			t.rig.take(signal)
		}
	}
	return t.Tx.Exec(ctx, sql, args...)
}

func signals(_ testing.TB, r *Rig, _ *pgxpool.Pool) {
	r.Transport = recorded{broadcast.New(), r}
	r.Address, r.Other = "topic/"+Private, "topic/other"
}

// jobs makes the application's River in the schema shop.
func jobs(tb testing.TB, r *Rig, pool *pgxpool.Pool) {
	tb.Helper()
	ctx := tb.Context()
	_, err := pool.Exec(ctx, sqlCreateShop)
	check(tb, err)
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: "shop"})
	check(tb, err)
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	check(tb, err)
	r.Transport, err = job.New(&job.Config{Schema: "shop"})
	check(tb, err)
	r.SQL = sqlJobs
	r.Address, r.Other = "queue_"+Private, "queue_other"
	r.Options = transports.JobOptions{Kind: "ship"}
}
