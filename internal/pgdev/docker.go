//go:build unix

package pgdev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	// dockerImage is the image of the server in a container.
	dockerImage = "postgres:18"
	// dockerPatience is how long the daemon has to answer. The client alone says nothing: it is often there without one.
	dockerPatience = 2 * time.Second
)

// container is a server in Docker.
type container struct {
	client   string // path of the program docker
	name     string
	dsn      string
	watchdog *watchdog
}

var _ backend = (*container)(nil)

// startDocker runs a container. The first time Docker fetches the image, which may take minutes.
func startDocker(ctx context.Context, config *Config) (*Server, error) {
	client, err := exec.LookPath("docker")
	if err != nil {
		return nil, fmt.Errorf("%w (no program docker)", errUnavailable)
	}
	c := &container{client: client, name: dirPrefix + strings.ToLower(rand.Text())}
	asked, cancel := context.WithTimeout(ctx, dockerPatience)
	defer cancel()
	version, err := c.docker(asked, "version", "--format", "{{.Server.Version}}")
	if err != nil {
		return nil, fmt.Errorf("%w (its daemon does not answer)", errUnavailable)
	}
	if err := c.run(ctx, config); err != nil {
		return nil, err
	}
	how := fmt.Sprintf("image %s in Docker %s", dockerImage, strings.TrimSpace(version))
	return &Server{backend: c, dsn: c.dsn, how: how}, nil
}

func (c *container) run(ctx context.Context, config *Config) error {
	port, err := freePort(ctx) // A port chosen by Docker would be another one after a restart.
	if err != nil {
		return err
	}
	if c.watchdog, err = startWatchdog(containerScript, c.client, c.name); err != nil {
		return err
	}
	password := rand.Text()
	c.dsn = dsn(port, password)
	args := append([]string{
		"run", "--detach", "--name", c.name, "--publish", "127.0.0.1:" + strconv.Itoa(port) + ":5432",
		// Without a value here, so that the password is not seen in the list of processes.
		"--env", "POSTGRES_PASSWORD",
		"--env", "POSTGRES_INITDB_ARGS=--encoding=UTF8 --no-locale --auth-host=scram-sha-256",
		dockerImage,
	}, config.arguments()...)
	_, err = c.dockerEnv(ctx, []string{"POSTGRES_PASSWORD=" + password}, args...)
	if err == nil {
		err = c.awaitReady(ctx)
	}
	if err != nil {
		return errors.Join(err, c.stop(context.WithoutCancel(ctx)))
	}
	return nil
}

// awaitReady waits for the server. The password proves that it is ours: both sides do, in SCRAM.
func (c *container) awaitReady(ctx context.Context) error {
	err := awaitAnswer(ctx, c.dsn, "", nil)
	if err == nil || ctx.Err() != nil {
		return err
	}
	logs, logsErr := c.docker(ctx, "logs", "--tail", "12", c.name)
	if logsErr != nil {
		return errors.Join(err, logsErr)
	}
	return fmt.Errorf("%w%s", err, tail(logs))
}

func (c *container) stop(ctx context.Context) error {
	// The watchdog goes last: until the container is removed, it is needed.
	_, err := c.docker(context.WithoutCancel(ctx), "rm", "--force", "--volumes", c.name)
	return errors.Join(err, c.watchdog.dismiss())
}

func (c *container) end(ctx context.Context, how Ending) error {
	signal := map[Ending]string{Immediate: "QUIT", Fast: "INT", Abrupt: "KILL"}[how]
	if _, err := c.docker(ctx, "kill", "--signal", signal, c.name); err != nil {
		return err
	}
	_, err := c.docker(ctx, "wait", c.name)
	return err
}

func (c *container) restart(ctx context.Context) error {
	state, err := c.docker(ctx, "inspect", "--format", "{{.State.Running}}", c.name)
	if err != nil {
		return err
	}
	if strings.TrimSpace(state) == "true" {
		return errors.New("it still runs")
	}
	if _, err := c.docker(ctx, "start", c.name); err != nil {
		return err
	}
	return c.awaitReady(ctx)
}

func (c *container) docker(ctx context.Context, args ...string) (string, error) {
	return c.dockerEnv(ctx, nil, args...)
}

func (c *container) dockerEnv(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.client, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second // Plug-ins of the client may hold its output open.
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("docker %s: %w%s", args[0], err, tail(out.String()))
	}
	return out.String(), nil
}
