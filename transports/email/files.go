package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"regexp"

	"github.com/google/uuid"
	"github.com/wneessen/go-mail"

	"github.com/carillon-notify/carillon/transports"
)

// checkFiles refuses what could change the header of a part. The pipeline has asked the same, but whoever calls Send
// need not be the pipeline.
func checkFiles(files []transports.File) error {
	for i, f := range files {
		if err := f.Check(); err != nil {
			return transports.Errorf(transports.Permanent, "file %d of the message: %v", i+1, err)
		}
		if len(f.Content) == 0 {
			return transports.Errorf(transports.Permanent, "file %d of the message has no content", i+1)
		}
	}
	return nil
}

// addFiles adds inline files, which the HTML shows, beside it, and all others behind the text. A picture of a mail without
// HTML is shown nowhere, and so goes with the others.
func addFiles(msg *mail.Msg, files []transports.File, html string) {
	for _, f := range files {
		inline := f.ContentID != "" && html != ""
		described := func(part *mail.File) {
			disposition := "attachment"
			if inline {
				disposition = "inline"
			}
			// The library would write encoded words, which do not belong into parameters (RFC 2047 §5); package mime
			// writes names as RFC 2231 wants them, and quotes them.
			part.Header.Set("Content-Type", withName(f.MediaType, "name", f.Name))
			part.Header.Set("Content-Disposition", withName(disposition, "filename", f.Name))
			if inline {
				part.Header.Set("Content-Id", "<"+f.ContentID+">")
			}
		}
		if inline {
			msg.EmbedReadSeeker(f.Name, bytes.NewReader(f.Content), described)
		} else {
			msg.AttachReadSeeker(f.Name, bytes.NewReader(f.Content), described)
		}
	}
}

// withName adds a parameter to a value that has been checked.
func withName(value, parameter, name string) string {
	base, params, err := mime.ParseMediaType(value)
	if err != nil {
		base, params = "application/octet-stream", nil
	}
	all := map[string]string{parameter: name}
	for k, v := range params {
		all[k] = v
	}
	return mime.FormatMediaType(base, all)
}

// levels is how deep parts stand in parts: mixed, related, alternative.
const levels = 3

// drawn finds a boundary that go-mail drew by chance.
var drawn = regexp.MustCompile(`\r\n boundary=([0-9a-f]{60})\r\n`)

// settleBoundaries replaces the boundaries that go-mail draws, one for each level of parts, by those that the message
// has on every try. They are of the same length, so the place stays. Nothing that is encoded can contain one: base64 has
// no hyphen to begin it with, and the digest has seen the texts.
func settleBoundaries(raw []byte, id uuid.UUID, text, html string) {
	for level := range levels {
		found := drawn.FindSubmatch(raw)
		if found == nil {
			return
		}
		old := bytes.Clone(found[1])
		settled := boundaryOf(id, level, text, html, len(old))
		for rest := raw; ; {
			i := bytes.Index(rest, old)
			if i < 0 {
				break
			}
			copy(rest[i:], settled)
			rest = rest[i+len(old):]
		}
	}
}

// boundaryOf digests what is between, so that no part can contain it.
func boundaryOf(id uuid.UUID, level int, text, html string, length int) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s\n%d\n%s%s", level, id, len(text), text, html)
	return ("carillon" + hex.EncodeToString(h.Sum(nil)))[:length]
}
