//go:build unix

package pgdev

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// dpkgStatus is where Debian lists the installed packages.
const dpkgStatus = "/var/lib/dpkg/status"

// apt runs apt with a state of its own, so that it needs no privilege and changes nothing of the system.
type apt struct {
	work string // everything it writes is below
	args []string
}

// aptHooks takes away what system-wide configuration runs after an update: it would act on the system's own files.
const aptHooks = `#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Pre-Invoke;
`

func newApt(work, status string) (*apt, error) {
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial", "debs", "log", "root", "tmp"} {
		if err := os.MkdirAll(filepath.Join(work, dir), 0o755); err != nil {
			return nil, err
		}
	}
	hooks := filepath.Join(work, "apt.conf")
	if err := os.WriteFile(hooks, []byte(aptHooks), 0o600); err != nil {
		return nil, err
	}
	args := []string{"-q", "-c", hooks}
	for _, option := range []string{
		"Dir::State=" + filepath.Join(work, "state"),
		"Dir::State::status=" + status,
		"Dir::Cache=" + filepath.Join(work, "cache"),
		"Dir::Log=" + filepath.Join(work, "log"),
		"APT::Sandbox::User=", // As root, apt would else drop to a user who cannot write here.
		"Debug::NoLocking=1",
		"Acquire::Languages=none",
		"Acquire::Retries=2",
	} {
		args = append(args, "-o", option)
	}
	return &apt{work: work, args: args}, nil
}

// fetchPostgres downloads and unpacks the newest Postgres with the libraries that the system lacks. It returns the
// major version and the directory that they were unpacked into.
func (a *apt) fetchPostgres(ctx context.Context) (major int, root string, err error) {
	if _, err := a.run(ctx, "apt-get", "update"); err != nil {
		return 0, "", err
	}
	names, err := a.run(ctx, "apt-cache", "pkgnames", "postgresql-")
	if err != nil {
		return 0, "", err
	}
	if major = newestMajor(names); major < oldestVersion {
		return 0, "", fmt.Errorf("the package lists have no postgresql-%d or newer", oldestVersion)
	}
	server := fmt.Sprintf("postgresql-%d", major)
	// On a machine whose packages are in disorder apt plans nothing. Then it has to do with the libraries it has.
	plan, err := a.run(ctx, "apt-get", "--simulate", "--no-install-recommends", "install", server)
	if ctx.Err() != nil {
		return 0, "", err
	}
	packages := neededPackages(plan, server, fmt.Sprintf("postgresql-client-%d", major), "libpq5")
	if _, err := a.run(ctx, "apt-get", append([]string{"download"}, packages...)...); err != nil {
		return 0, "", err
	}
	return major, filepath.Join(a.work, "root"), a.unpack(ctx)
}

func (a *apt) unpack(ctx context.Context) error {
	archives, err := filepath.Glob(filepath.Join(a.work, "debs", "*.deb"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		if _, err := a.exec(ctx, "dpkg-deb", "--extract", archive, filepath.Join(a.work, "root")); err != nil {
			return err
		}
	}
	return nil
}

func (a *apt) run(ctx context.Context, program string, args ...string) (string, error) {
	return a.exec(ctx, program, slices.Concat(a.args, args)...)
}

// exec runs a program in the directory into which "apt-get download" puts packages.
func (a *apt) exec(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = filepath.Join(a.work, "debs")
	// Without a TMPDIR that it can write to, apt says that the repositories are not signed.
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", "TMPDIR="+filepath.Join(a.work, "tmp"))
	cmd.SysProcAttr = attributes(nil)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	child, err := startChild(cmd)
	if err == nil {
		<-child.done
		err = child.err
	}
	if err != nil {
		return "", fmt.Errorf("run %s: %w%s", program, err, tail(out.String()))
	}
	return out.String(), nil
}

var serverPackage = regexp.MustCompile(`^postgresql-(\d+)$`)

// newestMajor finds the highest N of packages named postgresql-N; 0 if there is none.
func newestMajor(names string) int {
	newest := 0
	for _, name := range strings.Fields(names) {
		if match := serverPackage.FindStringSubmatch(name); match != nil {
			if major, err := strconv.Atoi(match[1]); err == nil {
				newest = max(newest, major)
			}
		}
	}
	return newest
}

// neededPackages picks from what apt would install the packages that a server needs to run, and adds always, which is
// missing there if it is installed.
func neededPackages(plan string, always ...string) []string {
	needed := slices.Clone(always)
	for line := range strings.Lines(plan) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "Inst" {
			continue
		}
		if name := fields[1]; isLibrary(name) && !slices.Contains(needed, name) {
			needed = append(needed, name)
		}
	}
	return needed
}

// isLibrary says whether a package may hold a shared library that Postgres loads. What belongs to maintainer scripts,
// such as Perl, is of no use here. LLVM is large and only for JIT, which is off. The C library must be the one that fits
// the system's loader.
func isLibrary(name string) bool {
	if !strings.HasPrefix(name, "lib") || strings.HasSuffix(name, "-perl") {
		return false
	}
	for _, useless := range []string{"libc-", "libc6", "libllvm", "libperl", "libz3-"} {
		if strings.HasPrefix(name, useless) {
			return false
		}
	}
	return true
}
