package dbtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/carillon-notify/carillon/internal/pgdev"
)

// EnvURL names the variable with a server for tests. It goes before [pgdev.EnvURL].
const EnvURL = "CARILLON_TEST_DATABASE_URL"

const (
	testPrefix     = "carillon_test_"
	templatePrefix = "carillon_template_"

	// timeLayout is the part of the name of a test database that says when it was made.
	timeLayout = "20060102150405"
	// abandonedAfter is how old a test database without any connection must be to be taken for left.
	abandonedAfter = 6 * time.Hour
)

// server is where the databases of this process are.
type server struct {
	url      string
	admin    *pgxpool.Pool
	template func() (string, error) // the template's name; made at the first call
}

// theServer is found, or started, once in a process. A failure is told to every test that asks.
var theServer = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	existing := cmp.Or(os.Getenv(EnvURL), os.Getenv(pgdev.EnvURL))
	if existing != "" {
		return openServer(ctx, existing)
	}
	// Nobody stops it: it ends with this process, whose end no test can know.
	private, err := pgdev.Start(ctx, &pgdev.Config{InMemory: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return openServer(ctx, private.DSN())
})

func openServer(ctx context.Context, url string) (*server, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read the URL of the test server: %w", err)
	}
	config.MaxConns = 4
	admin, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, fmt.Errorf("connect to the test server: %w", err)
	}
	s := &server{url: url, admin: admin}
	s.template = sync.OnceValues(s.ensureTemplate)
	return s, nil
}

// dsn is the URL of another database of the server.
func (s *server) dsn(database string) (string, error) {
	if !strings.Contains(s.url, "://") { // The form "host=… dbname=…", in which the last setting counts.
		return s.url + " dbname=" + database, nil
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return "", errors.New("read the URL of the test server: it is malformed") // The error would quote the password.
	}
	query := u.Query()
	query.Del("dbname")
	query.Del("database")
	u.Path, u.RawPath, u.RawQuery = "/"+database, "", query.Encode()
	return u.String(), nil
}

// clone makes a database with our schema.
func (s *server) clone(ctx context.Context) (name string, err error) {
	template, err := s.template()
	if err != nil {
		return "", err
	}
	return s.create(ctx, template)
}

// createEmpty makes a database without our schema.
func (s *server) createEmpty(ctx context.Context) (name string, err error) {
	return s.create(ctx, "template0")
}

func (s *server) create(ctx context.Context, template string) (name string, err error) {
	name = testPrefix + time.Now().UTC().Format(timeLayout) + "_" + strings.ToLower(rand.Text()[:12])
	if _, err := s.admin.Exec(ctx, fmt.Sprintf(sqlCreateDatabase, identifier(name), identifier(template))); err != nil {
		return "", fmt.Errorf("create the database %s: %w", name, err)
	}
	return name, nil
}

func (s *server) drop(ctx context.Context, name string) error {
	if _, err := s.admin.Exec(ctx, fmt.Sprintf(sqlDropDatabase, identifier(name))); err != nil {
		return fmt.Errorf("drop the database %s: %w", name, err)
	}
	return nil
}

func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }
