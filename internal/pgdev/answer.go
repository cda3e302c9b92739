package pgdev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// pollInterval is how often something is looked at that does not say by itself when it is ready.
const pollInterval = 20 * time.Millisecond

// startTimeout bounds the wait for a server to answer, on top of the caller's context.
const startTimeout = time.Minute

// errStranger says that the server on our port is not ours. Waiting does not change that.
var errStranger = errors.New("another server answers on the port")

// dsn is the URL of the database postgres on a port of the loopback interface.
func dsn(port int, password string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword("postgres", password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path:     "/postgres",
		RawQuery: url.Values{"sslmode": {"disable"}}.Encode(),
	}
	return u.String()
}

// awaitAnswer returns when the server answers a query and its data are in the directory data, if that is not empty. It
// gives up when ended is closed.
func awaitAnswer(ctx context.Context, dsn, data string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := ask(ctx, dsn, data)
		if err == nil || errors.Is(err, errStranger) {
			return err
		}
		select {
		case <-ended:
			return errors.New("the server ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("wait for the server to answer: %w (%w)", ctx.Err(), err)
		case <-ticker.C:
		}
	}
}

// ask connects once. The password already tells our server from others; the directory is checked because a connection
// to somebody else's cluster that goes unnoticed is the worst that can happen here.
func ask(ctx context.Context, dsn, data string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var directory string
	if err := conn.QueryRow(ctx, "SHOW data_directory").Scan(&directory); err != nil {
		return err
	}
	if data != "" && directory != data {
		return fmt.Errorf("%w (its data are in %s)", errStranger, directory)
	}
	return nil
}
