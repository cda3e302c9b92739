package attachments

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/carillon-notify/carillon/templates"
	"github.com/carillon-notify/carillon/transports"
)

// Resolver finds the files of the messages of one batch. It reads a file that several of them have only once. It is for
// one goroutine.
type Resolver struct {
	cfg  Config
	root *os.Root
	read map[string]transports.File
}

// NewResolver returns a resolver. A nil config works. Close it.
func NewResolver(cfg *Config) *Resolver {
	return &Resolver{cfg: cfg.withDefaults(), read: map[string]transports.File{}}
}

// Close lets go of the folder.
func (r *Resolver) Close() {
	if r.root != nil {
		_ = r.root.Close() // Nothing was written through it.
	}
}

// Resolve returns the files of one message: those of the references, then those given, with names, types, sizes and
// hashes. One whose content an earlier message of the batch had, too, comes without it. html is checked to show no inline
// file that is not there.
//
// An error is a [transports.Error] that names what it is about: [transports.Permanent] if the message will never have its
// files, [transports.Configuration] if there is no folder, and else [transports.Transient].
func (r *Resolver) Resolve(references []transports.Attachment, given []transports.File, html string) ([]transports.File, error) {
	if n := len(references) + len(given); n > r.cfg.MaxFiles {
		return nil, transports.Errorf(transports.Permanent, "attachments: %d files (at most %d)", n, r.cfg.MaxFiles)
	}
	left := int64(r.cfg.MaxBytes)
	var files []transports.File
	for i, reference := range references {
		f, err := r.file(reference, left)
		if err != nil {
			return nil, at(fmt.Sprintf("attachments[%d]", i), err)
		}
		left -= f.Size
		files = append(files, f)
	}
	for i, f := range given {
		f, err := r.given(f, left)
		if err != nil {
			return nil, at(fmt.Sprintf("file %d of the function", i+1), err)
		}
		left -= f.Size
		files = append(files, f)
	}
	if err := checkInline(files, html); err != nil {
		return nil, err
	}
	return files, nil
}

// at puts a place before an error's words.
func at(place string, err error) error {
	var classified *transports.Error
	if !errors.As(err, &classified) {
		return &transports.Error{Class: transports.Permanent, Detail: place + ": " + err.Error(), Err: err}
	}
	placed := *classified
	placed.Detail = place + ": " + placed.Detail
	return &placed
}

// given checks a file that the application made.
func (r *Resolver) given(f transports.File, left int64) (transports.File, error) {
	if err := r.checkSize(int64(len(f.Content)), left); err != nil {
		return f, err
	}
	return finish(f)
}

// file finds what a reference names.
func (r *Resolver) file(a transports.Attachment, left int64) (transports.File, error) {
	known, read := r.read[a.File]
	if !read {
		content, err := r.open(a.File, left)
		if err != nil {
			return transports.File{}, err
		}
		known = transports.File{Content: content, Size: int64(len(content))}
	}
	if err := r.checkSize(known.Size, left); err != nil {
		return transports.File{}, fmt.Errorf("%s %w", show(a.File), err)
	}
	made := known
	made.Name, made.ContentID = a.FileName(), a.ContentID
	if a.MediaType != "" {
		made.MediaType = a.MediaType
	} else if byName := mime.TypeByExtension(path.Ext(made.Name)); byName != "" {
		made.MediaType = byName
	}
	made, err := finish(made)
	if err != nil {
		return made, err
	}
	if !read {
		// What another message calls it, and so what it says it is, is its own matter.
		r.read[a.File] = transports.File{Hash: made.Hash, Size: made.Size, MediaType: http.DetectContentType(made.Content)}
	}
	return made, nil
}

// finish fills in what a file does not say of itself, and checks the rest.
func finish(f transports.File) (transports.File, error) {
	if f.Content != nil {
		sum := sha256.Sum256(f.Content)
		f.Hash, f.Size = hex.EncodeToString(sum[:]), int64(len(f.Content))
	}
	if f.MediaType == "" {
		f.MediaType = mime.TypeByExtension(path.Ext(f.Name))
	}
	if f.MediaType == "" {
		f.MediaType = http.DetectContentType(f.Content)
	}
	return f, f.Check()
}

func (r *Resolver) checkSize(size, left int64) error {
	switch {
	case size == 0:
		return errors.New("has no content (a file that is still being written looks like that)")
	case size > int64(r.cfg.MaxFileBytes):
		return fmt.Errorf("is larger than %d bytes (max_file_bytes)", r.cfg.MaxFileBytes)
	case size > left:
		return fmt.Errorf("makes all files larger than %d bytes (max_bytes)", r.cfg.MaxBytes)
	}
	return nil
}

// open reads what a reference names, and no more of it than may go along.
func (r *Resolver) open(reference string, left int64) ([]byte, error) {
	switch {
	case r.cfg.Folder == "":
		return nil, transports.Errorf(transports.Configuration, "there is no folder of attachments (set attachments.folder)")
	case strings.ContainsRune(reference, 0):
		return nil, errors.New("a value in the reference is no name of a file or folder (no slash, and not . or ..)")
	}
	if r.root == nil {
		root, err := os.OpenRoot(r.cfg.Folder)
		if err != nil {
			return nil, &transports.Error{Class: transports.Configuration, Detail: "the folder of attachments cannot be opened", Err: err}
		}
		r.root = root
	}
	content, err := r.slurp(filepath.FromSlash(reference), min(left, int64(r.cfg.MaxFileBytes)))
	switch {
	case err == nil:
		return content, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, &transports.Error{Class: transports.Permanent, Detail: "there is no file " + show(reference), Err: err}
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, errNoFile) || !filepath.IsLocal(filepath.FromSlash(reference)) || escapes(err):
		return nil, &transports.Error{
			Class: transports.Permanent, Detail: show(reference) + " is no file below the folder that may be read", Err: err,
		}
	}
	return nil, &transports.Error{Class: transports.Transient, Detail: show(reference) + " could not be read", Err: err}
}

var errNoFile = errors.New("no file")

// slurp reads at most one byte more than most.
func (r *Resolver) slurp(name string, most int64) ([]byte, error) {
	// A pipe would keep its opener waiting, so what it is comes first.
	info, err := r.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	f, err := r.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var b bytes.Buffer
	b.Grow(int(min(info.Size(), most) + 1))
	_, err = io.Copy(&b, io.LimitReader(f, most+1))
	return b.Bytes(), err
}

// escapes tells the error of a path that leads out of the folder, or round in circles, for which package os has no name:
// it is none of the system's.
func escapes(err error) bool {
	var number syscall.Errno
	return !errors.As(err, &number) || number == syscall.ELOOP || number == syscall.ENOTDIR || number == syscall.EINVAL ||
		number == syscall.ENAMETOOLONG
}

// show is a reference as an operator reads it in a log.
func show(reference string) string {
	const most = 120
	quoted := []rune(fmt.Sprintf("%q", reference))
	if len(quoted) > most {
		quoted = append(quoted[:most], '…')
	}
	return string(quoted)
}

// checkInline refuses inline files of one id, and pictures in html that nothing goes along for.
func checkInline(files []transports.File, html string) error {
	var ids []string
	for i, f := range files {
		switch {
		case f.ContentID == "":
		case slices.Contains(ids, f.ContentID):
			return transports.Errorf(transports.Permanent, "attachments[%d]: content_id %s is there twice", i, f.ContentID)
		default:
			ids = append(ids, f.ContentID)
		}
	}
	if missing := missingIDs(html, ids); len(missing) > 0 {
		return transports.Errorf(transports.Permanent, "html shows cid:%s, and no attachment has that content_id", strings.Trim(show(missing[0]), `"`))
	}
	return nil
}

func missingIDs(html string, ids []string) []string {
	return slices.DeleteFunc(templates.InlineIDs(html), func(id string) bool { return slices.Contains(ids, id) })
}
