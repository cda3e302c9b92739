package worker_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/dispatch/worker"
	"github.com/carillon-notify/carillon/internal/dbtest"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/transporttest"
)

func TestOptionAttachments(t *testing.T) {
	t.Parallel()
	pool, dir := dbtest.Pool(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "terms.txt"), []byte("the terms"), 0o600))
	r := dispatch.Resource[dispatch.Data]{
		Name:      "tickets",
		Audiences: map[string]dispatch.Audience{"desk": dispatch.Fixed(transports.Email, "desk@example.com")},
		Events: []dispatch.Event[dispatch.Data]{{
			Name: "opened", Channels: []dispatch.Channel{{Transport: transports.Email, Audience: "desk"}},
			Content: dispatch.Content{Subject: "S", Message: "M"}, Attachments: []dispatch.Attachment{{File: "terms.txt"}},
		}},
	}
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{r}})
	require.NoError(t, err)
	fake := transporttest.NewFake(transports.Email, nil)
	for cfg, want := range map[*attachments.Config]string{
		nil:                                     "Config.Attachments: folder: event tickets.opened refers to files, and no folder is named",
		{MaxFiles: -1}:                          "Config.Attachments: max_files: -1 is out of range",
		{Folder: filepath.Join(dir, "nowhere")}: "Config.Attachments: folder: no such file or directory",
		{Folder: filepath.Join(dir, "terms.txt")}: "Config.Attachments: folder: is no folder",
	} {
		_, err := worker.New(pool, d, &worker.Config{Transports: []transports.Transport{fake}, Attachments: cfg})
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := dispatch.For(d, r).EmitTx(t.Context(), tx, "opened", dispatch.Data{}, nil)
		return err
	}))
	start(t, pool, d, &worker.Config{Transports: []transports.Transport{fake}, Attachments: &attachments.Config{Folder: dir}})
	_, err = fake.Wait(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, "the terms", string(fake.Accepted()[0].Files[0].Content))
}
