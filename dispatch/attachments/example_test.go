package attachments_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/transports"
)

// A message has an invoice of the operator's folder, and a picture that its HTML shows.
func ExampleResolver() {
	folder, err := os.MkdirTemp("", "files")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	for name, content := range map[string]string{"A7.pdf": "%PDF-1.7", "logo.png": "\x89PNG\r\n\x1a\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			panic(err)
		}
	}

	resolver := attachments.NewResolver(&attachments.Config{Folder: folder})
	defer resolver.Close()
	files, err := resolver.Resolve([]transports.Attachment{
		{File: "A7.pdf", Name: "Invoice A7.pdf"},
		{File: "logo.png", ContentID: "logo"},
	}, nil, `<p>Hello! <img src="cid:logo"></p>`)
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		fmt.Println(f.Name, f.MediaType, f.Size, f.Hash[:12])
	}

	_, err = resolver.Resolve(nil, nil, `<img src="cid:banner">`)
	fmt.Println(err)
	// Output:
	// Invoice A7.pdf application/pdf 8 86edbaa24831
	// logo.png image/png 8 4c4b6a3be131
	// permanent: html shows cid:banner, and no attachment has that content_id
}
