//go:build unix

package pgdev

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// oldestVersion is the oldest major version of Postgres that Carillon works with.
const oldestVersion = 15

// installation is a set of server programs that were run, as the user who will run them, and found good.
type installation struct {
	bin     string   // the directory of initdb and postgres
	how     string   // how it was found, for people
	libs    []string // where unpacked packages keep their shared libraries
	version string   // such as "15.18"
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// probe runs the programs in bin. That settles at once whether they exist, whether the user may reach them, whether
// their libraries are there, and whether they are recent enough.
func probe(ctx context.Context, bin, how string, libs []string) (*installation, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	found := &installation{bin: bin, how: how, libs: libs}
	for _, program := range []string{"initdb", "postgres"} {
		out, err := found.output(ctx, program, "--version")
		if err != nil {
			return nil, err
		}
		match := versionPattern.FindStringSubmatch(out)
		if match == nil {
			return nil, fmt.Errorf("%s does not tell its version", filepath.Join(bin, program))
		}
		if major, err := strconv.Atoi(match[2]); err != nil || major < oldestVersion {
			return nil, fmt.Errorf("%s is version %s (%d or newer is needed)", filepath.Join(bin, program), match[1], oldestVersion)
		}
		found.version = match[1]
	}
	return found, nil
}

// command makes a command that runs as the user of the server, in dir, with nothing of our environment that could
// change what Postgres does.
func (i *installation) command(ctx context.Context, dir, program string, args ...string) (*exec.Cmd, error) {
	owner, err := serverAccount()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(i.bin, program), args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "LC_ALL=C", "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "TZ=UTC"}
	if len(i.libs) > 0 {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+strings.Join(i.libs, string(os.PathListSeparator)))
	}
	cmd.SysProcAttr = attributes(owner)
	return cmd, nil
}

// output runs a program to its end and returns what it printed. The error holds the last lines of that.
func (i *installation) output(ctx context.Context, program string, args ...string) (string, error) {
	return i.outputIn(ctx, string(filepath.Separator), program, args...)
}

func (i *installation) outputIn(ctx context.Context, dir, program string, args ...string) (string, error) {
	cmd, err := i.command(ctx, dir, program, args...)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	child, err := startChild(cmd)
	if err == nil {
		<-child.done
		err = child.err
	}
	if err != nil {
		return "", fmt.Errorf("run %s: %w%s", cmd.Path, err, tail(out.String()))
	}
	return out.String(), nil
}

// tail formats the last lines of a program's output as the end of an error.
func tail(output string) string {
	const most = 12
	lines := strings.Split(strings.TrimSpace(output), "\n")
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	text := strings.Join(lines, "\n  ")
	if text == "" {
		return ""
	}
	return ":\n  " + text
}
