//go:build unix

package pgdev_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/pgdev"
)

func TestNeededPackages(t *testing.T) {
	t.Parallel()
	const plan = `NOTE: This is only a simulation!
Reading package lists...
Inst libjson-perl (4.10000-1 Debian:12.11/stable [all])
Inst libpq5 (15.13-0+deb12u1 Debian:12.11/stable [amd64])
Inst libicu72 (72.1-3+deb12u1 Debian:12.11/stable [amd64])
Inst libc6 [2.36-9] (2.36-9+deb12u10 Debian:12.11/stable [amd64])
Inst libllvm14 (1:14.0.6-12 Debian:12.11/stable [amd64])
Inst libldap-2.5-0 (2.5.13+dfsg-5 Debian:12.11/stable [amd64])
Inst postgresql-common (248+deb12u1 Debian:12.11/stable [all])
Inst postgresql-15 (15.13-0+deb12u1 Debian:12.11/stable [amd64])
Inst
Conf libpq5 (15.13-0+deb12u1 Debian:12.11/stable [amd64])
`
	require.Equal(t,
		[]string{"postgresql-15", "postgresql-client-15", "libpq5", "libicu72", "libldap-2.5-0"},
		pgdev.NeededPackages(plan, "postgresql-15", "postgresql-client-15", "libpq5"))
}

func TestNewestMajor(t *testing.T) {
	t.Parallel()
	require.Equal(t, 18, pgdev.NewestMajor("postgresql-9.6\npostgresql-9\npostgresql-18\npostgresql-18-jit\npostgresql-17\n"))
	require.Zero(t, pgdev.NewestMajor("postgresql-common\n"))
}

// TestDebianPackages downloads. It pretends that nothing at all is installed, so that every library but the C library
// comes from the packages, as it does on a bare machine.
func TestDebianPackages(t *testing.T) {
	t.Parallel()
	if os.Getenv("CARILLON_TEST_APT") != "1" {
		t.Skip("downloads Debian packages (run with CARILLON_TEST_APT=1)")
	}
	base, err := pgdev.WorkBase()
	require.NoError(t, err)
	cache, err := os.MkdirTemp(base, "carillon-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(cache)) })
	require.NoError(t, os.Chmod(cache, 0o755))
	status := filepath.Join(cache, "status")
	require.NoError(t, os.WriteFile(status, nil, 0o644))

	for _, want := range []string{"unpacked just now", "unpacked Debian packages"} {
		begin := time.Now()
		server, err := pgdev.StartPackages(t.Context(), nil, filepath.Join(cache, "postgres"), status)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
		t.Logf("%s after %s", server.How(), time.Since(begin).Round(10*time.Millisecond))
		require.Contains(t, server.How(), want)
		conn := connect(t, server.DSN())
		_, err = conn.Exec(t.Context(), "CREATE EXTENSION pgcrypto")
		require.NoError(t, err, "the extensions are there")

		maps, err := os.ReadFile("/proc/" + strconv.Itoa(server.PID()) + "/maps")
		require.NoError(t, err)
		require.Contains(t, string(maps), filepath.Join(cache, "postgres"), "the unpacked programs run")
	}
	left, err := filepath.Glob(filepath.Join(cache, "postgres", "fetch-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
