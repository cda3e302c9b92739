package email_test

import (
	"bytes"
	"crypto"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jhillyerd/enmime/v2"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/email"
)

// part is a node of a parsed message.
type part struct {
	kind, boundary string
	header         textproto.MIMEHeader
	parts          []part
	content        []byte
}

// parts reads a message with the standard library alone.
func parts(t testing.TB, header textproto.MIMEHeader, body io.Reader) part {
	t.Helper()
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	require.NoError(t, err)
	p := part{kind: kind, boundary: params["boundary"], header: header}
	if !strings.HasPrefix(kind, "multipart/") {
		p.content, err = io.ReadAll(body)
		require.NoError(t, err)
		return p
	}
	for r := multipart.NewReader(body, p.boundary); ; {
		next, err := r.NextRawPart()
		if err == io.EOF {
			return p
		}
		require.NoError(t, err)
		p.parts = append(p.parts, parts(t, next.Header, next))
	}
}

func read(t testing.TB, raw []byte) part {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	require.NoError(t, err)
	return parts(t, textproto.MIMEHeader(m.Header), m.Body)
}

func (p part) shape() string {
	if len(p.parts) == 0 {
		return p.kind
	}
	var inside []string
	for _, one := range p.parts {
		inside = append(inside, one.shape())
	}
	return strings.TrimPrefix(p.kind, "multipart/") + "(" + strings.Join(inside, " ") + ")"
}

func (p part) boundaries() []string {
	var all []string
	if p.boundary != "" {
		all = append(all, p.boundary)
	}
	for _, one := range p.parts {
		all = append(all, one.boundaries()...)
	}
	return all
}

func withFiles(files ...transports.File) transports.Message {
	m := newMessage()
	m.Files = files
	return m
}

var (
	invoice = transports.File{Name: "invoice.pdf", MediaType: "application/pdf", Content: []byte("%PDF-1.7 \x00\x01\xff")}
	logo    = transports.File{Name: "logo.png", MediaType: "image/png", ContentID: "logo@shop", Content: []byte("\x89PNG\r\n\x1a\nx")}
)

func TestFilesArriveInTheRightPlaces(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	const html = `<p><img src="cid:logo@shop"></p>`
	tests := map[string]struct {
		html  string
		files []transports.File
		want  string
	}{
		"AttachmentOfText":     {"", []transports.File{invoice}, "mixed(text/plain application/pdf)"},
		"AttachmentOfBoth":     {"<p>hi</p>", []transports.File{invoice}, "mixed(alternative(text/plain text/html) application/pdf)"},
		"InlineOfBoth":         {html, []transports.File{logo}, "related(alternative(text/plain text/html) image/png)"},
		"InlineAndAttachment":  {html, []transports.File{invoice, logo}, "mixed(related(alternative(text/plain text/html) image/png) application/pdf)"},
		"InlineThatNoHTMLShow": {"", []transports.File{logo}, "mixed(text/plain image/png)"},
		"SeveralOfAName":       {"", []transports.File{invoice, invoice}, "mixed(text/plain application/pdf application/pdf)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { // not parallel: deliver counts what arrives
			m := withFiles(tt.files...)
			m.Content.HTML = tt.html
			got := deliver(t, sink, transport, m)
			root := read(t, got.Raw)
			require.Equal(t, tt.want, root.shape())
			seen := map[string]bool{}
			for _, b := range root.boundaries() {
				require.False(t, seen[b], "each level has a boundary of its own")
				require.True(t, strings.HasPrefix(b, "carillon"), "%s is drawn by chance, and so another one on each try", b)
				seen[b] = true
			}
			envelope, err := enmime.ReadEnvelope(bytes.NewReader(got.Raw))
			require.NoError(t, err)
			require.Empty(t, envelope.Errors)
			found := append(append(envelope.Attachments, envelope.Inlines...), envelope.OtherParts...)
			require.Len(t, found, len(tt.files))
			for _, f := range tt.files {
				arrived := 0
				for _, p := range found {
					if p.FileName == f.Name && bytes.Equal(p.Content, f.Content) && p.ContentType == f.MediaType {
						arrived++
					}
				}
				require.Positive(t, arrived, f.Name)
			}
		})
	}
}

func TestHeadersOfParts(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	german := invoice
	german.Name, german.MediaType = `Rechnung "Größe" 漢字.csv`, "text/csv; charset=utf-8"
	m := withFiles(german, logo)
	m.Content.HTML = `<img src="cid:logo@shop">`
	root := read(t, deliver(t, sink, transport, m).Raw)
	inline, attached := root.parts[0].parts[1].header, root.parts[1].header
	require.Equal(t, "<logo@shop>", inline.Get("Content-Id"))
	require.Equal(t, `inline; filename=logo.png`, inline.Get("Content-Disposition"))
	require.Equal(t, "base64", inline.Get("Content-Transfer-Encoding"))
	require.Empty(t, attached.Get("Content-Id"))
	kind, params, err := mime.ParseMediaType(attached.Get("Content-Disposition"))
	require.NoError(t, err)
	require.Equal(t, "attachment", kind)
	require.Equal(t, german.Name, params["filename"])
	require.Contains(t, attached.Get("Content-Disposition"), "filename*=utf-8''", "RFC 2231, and no encoded words")
	kind, params, err = mime.ParseMediaType(attached.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "text/csv", kind)
	require.Equal(t, map[string]string{"charset": "utf-8", "name": german.Name}, params)
}

func TestFilesAreTheSameOnEveryTry(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	m := withFiles(invoice, logo)
	m.Content.HTML = `<img src="cid:logo@shop">`
	first := deliver(t, sink, transport, m).Raw
	m.Attempt = 2
	require.Equal(t, string(first), string(deliver(t, sink, transport, m).Raw))
}

// TestGoldenFiles pins the bytes of a message with files, as TestGolden does of those without.
func TestGoldenFiles(t *testing.T) {
	t.Parallel()
	sink, transport := setup(t, nil)
	m := withFiles(invoice, logo)
	m.ReceiptID = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	m.Content.HTML = `<img src="cid:logo@shop">`
	raw := deliver(t, sink, transport, m).Raw
	path := filepath.Join("testdata", "files.eml")
	if *update {
		require.NoError(t, os.WriteFile(path, raw, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(raw))
}

func TestASignatureCoversFiles(t *testing.T) {
	t.Parallel()
	sink := startSink(t, nil)
	private, public := newKey(t, "rsa")
	transport := newTransport(t, &email.Config{
		SMTP: transports.Secret(sink.URL()), DKIM: []email.DKIM{{Domain: "example.com", Selector: "s1", Key: private}},
	})
	m := withFiles(invoice, logo)
	m.Content.HTML = `<img src="cid:logo@shop">`
	raw := deliver(t, sink, transport, m).Raw
	keys := map[string]crypto.PublicKey{"s1": public}
	_, err := verifyDKIM(raw, keys)
	require.NoError(t, err)
	changed := bytes.Replace(raw, []byte("JVBERi"), []byte("JVBERj"), 1)
	require.NotEqual(t, raw, changed)
	_, err = verifyDKIM(changed, keys)
	require.Error(t, err, "another file has another signature")
}

func TestHostileFilesAreRefusedBeforeDialing(t *testing.T) {
	t.Parallel()
	_, transport := setup(t, nil)
	const canary = "canary"
	for name, change := range map[string]func(f *transports.File){
		"LineBreakInName":       func(f *transports.File) { f.Name = canary + "\r\nBcc: x@example.com" },
		"NULInName":             func(f *transports.File) { f.Name = canary + "\x00.pdf" },
		"FolderInName":          func(f *transports.File) { f.Name = "../" + canary },
		"BackslashInName":       func(f *transports.File) { f.Name = `..\` + canary },
		"DirectionInName":       func(f *transports.File) { f.Name = canary + "\u202egpj.exe" },
		"DotsAlone":             func(f *transports.File) { f.Name = ".." },
		"NoName":                func(f *transports.File) { f.Name = "" },
		"LongName":              func(f *transports.File) { f.Name = strings.Repeat(canary, 100) },
		"NameThatIsNotUTF8":     func(f *transports.File) { f.Name = canary + "\xff" },
		"LineBreakInMediaType":  func(f *transports.File) { f.MediaType = "text/plain;\r\n x=" + canary },
		"ParameterInMediaType":  func(f *transports.File) { f.MediaType = "text/plain; name=" + canary },
		"MediaTypeOfParts":      func(f *transports.File) { f.MediaType = "multipart/mixed" },
		"MediaTypeOfMessage":    func(f *transports.File) { f.MediaType = "message/rfc822" },
		"NoMediaType":           func(f *transports.File) { f.MediaType = "" },
		"LineBreakInContentID":  func(f *transports.File) { f.ContentID = canary + ">\r\nBcc: x@example.com" },
		"BracketInContentID":    func(f *transports.File) { f.ContentID = canary + "><b" },
		"ContentThatIsMissing":  func(f *transports.File) { f.Content = nil },
		"ContentThatIsNotThere": func(f *transports.File) { f.Content = []byte{} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := invoice
			change(&f)
			_, err := transport.Send(patient(t), withFiles(f))
			requireClass(t, transports.Permanent, err)
			require.NotContains(t, err.Error(), canary)
		})
	}
}

// FuzzFile: what is accepted makes one part whose name is read back as it was, and no field of its own.
func FuzzFile(f *testing.F) {
	for _, seed := range [][3]string{
		{"invoice.pdf", "application/pdf", ""},
		{"a\r\nBcc: b", "text/plain", "x"},
		{`q"uo\te;.txt`, "text/csv; charset=utf-8", "logo@shop"},
		{"=?utf-8?q?x?=.txt", "image/png", "a.b-c_d"},
		{"漢字 👩‍👩‍👧.png", "Image/PNG", "L"},
		{"a*0=b%0d%0a.txt", "a/b", "c"},
		{"file\u202ecod.exe", "text/plain", ""},
		{"CON", "text/html; charset=\"utf-8\"", ""},
		{"a'b''c.txt", "text/plain", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	transport, err := email.New(&email.Config{SMTP: "smtp://127.0.0.1:1", From: "shop@example.com"})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, name, kind, id string) {
		m := withFiles(transports.File{Name: name, MediaType: kind, ContentID: id, Content: []byte("content")})
		m.Content.HTML = "<p>hi</p>"
		raw, _, err := transport.Preview(m)
		if err != nil {
			return
		}
		for line := range strings.SplitSeq(string(raw), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("%q has the line %q", name, line)
			}
		}
		root := read(t, raw)
		if root.header.Get("Bcc") != "" || len(root.parts) != 2 {
			t.Fatalf("%q, %q, %q gives %s", name, kind, id, root.shape())
		}
		header := root.parts[1].header
		wantFields := 3
		if id != "" {
			wantFields++
		}
		_, params, err := mime.ParseMediaType(header.Get("Content-Disposition"))
		if err != nil || params["filename"] != name || len(params) != 1 || len(header) != wantFields {
			t.Fatalf("%q gives %q (%v), and %d fields", name, params, err, len(header))
		}
	})
}
