package transports

import (
	"errors"
	"fmt"
	"mime"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Attachment declares one file that goes with a message, by reference. File and Name are templates over the variables
// of the event.
type Attachment struct {
	// File is the path of the file below the folder of attachments, with slashes. What a placeholder holds is one name:
	// a slash in it, or a "..", fails the message.
	File string `yaml:"file"`
	// Name is what the recipient sees. Defaults to the last part of File.
	Name string `yaml:"name"`
	// MediaType is the type of the content, such as application/pdf. Defaults to what the name's ending says, else to
	// what the content looks like.
	MediaType string `yaml:"media_type"`
	// ContentID makes the file an inline one, which the HTML shows as cid:ID. Letters, digits and -._@, at most 64. Defaults
	// to an attachment.
	ContentID string `yaml:"content_id"`
}

// File is one file that goes with a message. It is resolved when the message is first rendered; what is kept of it with
// the receipt is all but its content, which is stored once for all that have the same.
type File struct {
	// Name is what the recipient sees; it has no folder.
	Name string `json:"name"`
	// MediaType is the type of the content.
	MediaType string `json:"media_type"`
	// ContentID is how the HTML calls an inline file; empty for an attachment.
	ContentID string `json:"content_id,omitempty"`
	// Hash is the SHA-256 of the content in hexadecimal.
	Hash string `json:"sha256"`
	// Size is that of the content in bytes.
	Size int64 `json:"size"`
	// Content is there while the message is sent, and only then.
	Content []byte `json:"-"`
}

const (
	// maxFileName is what file systems take, less what a copy's number needs. RFC 2231 writes at most three bytes for
	// each, which a header field of 998 bytes has room for.
	maxFileName  = 200
	maxContentID = 64
)

// CheckFileName says what is wrong with a name of a file, without repeating it.
func CheckFileName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("is empty")
	case len(name) > maxFileName:
		return fmt.Errorf("has %d bytes (at most %d)", len(name), maxFileName)
	case !utf8.ValidString(name):
		return errors.New("is not UTF-8")
	case strings.ContainsAny(name, `/\`):
		return errors.New("has a slash or backslash (a name has no folder)")
	case strings.Trim(name, ". ") == "" || strings.TrimSpace(name) != name:
		return errors.New("begins or ends in a blank, or is dots alone")
	}
	for _, r := range name {
		// Marks of direction can make gpj.exe of exe.jpg to who reads it.
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' || r == '\ufffd' {
			return errors.New("has a line break, or another character that is not to be seen")
		}
	}
	return nil
}

// CheckContentID says what is wrong with a content id.
func CheckContentID(id string) error {
	if id == "" || len(id) > maxContentID {
		return fmt.Errorf("has %d bytes (1 to %d)", len(id), maxContentID)
	}
	for i := range len(id) {
		c := id[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && strings.IndexByte("-._@", c) < 0 {
			return errors.New("has a character that is none of letters, digits and -._@")
		}
	}
	return nil
}

// CheckMediaType says what is wrong with a media type. Those of messages and of several parts are refused: their content
// may not be encoded (RFC 2045 §6.4).
func CheckMediaType(mediaType string) error {
	base, params, err := mime.ParseMediaType(mediaType)
	kind, _, whole := strings.Cut(base, "/")
	switch {
	case err != nil || !whole:
		return errors.New("is no media type (write it as application/pdf)")
	case kind == "multipart" || kind == "message":
		return fmt.Errorf("is %s/…, which no file is", kind)
	}
	for name, value := range params {
		if name != "charset" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return errors.New("has a parameter other than a charset")
		}
	}
	return nil
}

// Check says what is wrong with the fields of a file, each named, without repeating one.
func (f File) Check() error {
	var errs []error
	if err := CheckFileName(f.Name); err != nil {
		errs = append(errs, fmt.Errorf("name %w", err))
	}
	if err := CheckMediaType(f.MediaType); err != nil {
		errs = append(errs, fmt.Errorf("media_type %w", err))
	}
	if f.ContentID != "" {
		if err := CheckContentID(f.ContentID); err != nil {
			errs = append(errs, fmt.Errorf("content_id %w", err))
		}
	}
	return errors.Join(errs...)
}

// FileName is the name of a declared attachment that has none of its own.
func (a Attachment) FileName() string {
	if a.Name != "" {
		return a.Name
	}
	return path.Base(a.File)
}
