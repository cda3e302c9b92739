package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/carillon-notify/carillon/transports"
)

var (
	_ transports.InDatabase     = (*Transport)(nil)
	_ transports.AddressChecker = (*Transport)(nil)
)

// Config says where the application's River is.
type Config struct {
	// Schema is the schema of its tables. Defaults to public; carillon is refused, for that is ours.
	Schema string `yaml:"schema"`
}

// Transport inserts jobs.
type Transport struct {
	client *river.Client[pgx.Tx]
}

// New returns the transport. Nothing is asked of the database before there is a job to insert.
func New(config *Config) (*Transport, error) {
	var c Config
	if config != nil {
		c = *config
	}
	c.Schema = cmp.Or(c.Schema, "public")
	if c.Schema == "carillon" {
		return nil, errors.New("job: schema must not be carillon, whose workers know no jobs of others")
	}
	client, err := river.NewClient(riverpgxv5.New(nil), &river.Config{
		Schema: c.Schema, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, errors.New("job: schema is not a name that River takes (letters, digits and underscores, at most 46)")
	}
	return &Transport{client: client}, nil
}

// Name is "job".
func (*Transport) Name() string { return transports.Job }

// Spec is [transports.JobSpec].
func (*Transport) Spec() transports.Spec { return transports.JobSpec() }

// CheckAddress accepts names of queues.
func (*Transport) CheckAddress(address string) error { return transports.CheckQueue(address) }

// Send refuses: a job is only ever inserted by [Transport.SendTx].
func (*Transport) Send(context.Context, transports.Message) (transports.Result, error) {
	return transports.Result{}, transports.Errorf(transports.Configuration,
		"job inserts inside the database (call SendTx in the recording transaction)")
}

// SendTx inserts one job for each message, or finds the one that is equal to a unique one.
func (t *Transport) SendTx(ctx context.Context, tx pgx.Tx, ms []transports.Message) ([]transports.Result, error) {
	params := make([]river.InsertManyParams, len(ms))
	for i, m := range ms {
		p, err := paramsOf(m)
		if err != nil {
			return nil, err
		}
		params[i] = p
	}
	inserted, err := t.client.InsertManyTx(ctx, tx, params)
	if err != nil {
		return nil, classify(err)
	}
	results := make([]transports.Result, len(ms))
	for i, r := range inserted {
		results[i] = transports.Result{Provider: "river", ProviderMessageID: strconv.FormatInt(r.Job.ID, 10)}
		if r.UniqueSkippedAsDuplicate {
			results[i].Detail = "an equal job was there already"
		}
	}
	return results, nil
}

// args are the arguments of a job whose worker is not ours.
type args struct {
	kind   string
	values map[string]any
}

func (a args) Kind() string { return a.kind }

// MarshalJSON writes the arguments, sorted by name.
func (a args) MarshalJSON() ([]byte, error) { return json.Marshal(a.values) }

func paramsOf(m transports.Message) (river.InsertManyParams, error) {
	options, err := transports.Options[transports.JobOptions](m)
	if err == nil {
		err = options.CheckOptions()
	}
	if err == nil && options.Kind == "" {
		err = errors.New("kind is missing")
	}
	if err != nil {
		return river.InsertManyParams{}, transports.Errorf(transports.Permanent, "options: %s", err)
	}
	a := args{kind: options.Kind, values: make(map[string]any, len(options.Args))}
	for name, text := range options.Args {
		a.values[name] = text
		if slices.Contains(options.Typed, name) {
			if a.values[name], err = typed(text); err != nil {
				return river.InsertManyParams{}, transports.Errorf(transports.Permanent, "argument %s %s", name, err)
			}
		}
	}
	queue := options.Queue
	if m.Recipient.ID == "" && m.Recipient.Address != transports.OnceAudience {
		queue = cmp.Or(queue, m.Recipient.Address)
	}
	return river.InsertManyParams{Args: a, InsertOpts: &river.InsertOpts{
		Queue: cmp.Or(queue, river.QueueDefault), Priority: options.Priority, MaxAttempts: options.MaxAttempts, Tags: options.Tags,
		UniqueOpts: river.UniqueOpts{ByArgs: options.Unique, ByPeriod: options.UniquePeriod},
	}}, nil
}

// typed reads a number, true, false or null.
func typed(text string) (any, error) {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return nil, errors.New("is no number, true, false or null")
	}
	switch value.(type) {
	case nil, bool:
		return value, nil
	case float64:
		return json.Number(text), nil
	}
	return nil, errors.New("is no number, true, false or null")
}

// classify tells a River that is not there from a database that is in trouble.
func classify(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "3F000", "42P01", "42703", "42501": // No such schema, table or column; not allowed (PostgreSQL, appendix A).
			return &transports.Error{
				Class: transports.Configuration, Code: pg.Code, Detail: "the application's River is not in that schema, or not ours to write",
				Err: err,
			}
		}
		return fmt.Errorf("insert jobs: %w", err)
	}
	return &transports.Error{Class: transports.Transient, Detail: "River did not take the job", Err: err}
}
