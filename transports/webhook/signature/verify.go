package signature

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// VerifyOpts are the options of [Verify] and [Receive]. Nil means none.
type VerifyOpts struct {
	// Tolerance is how far the timestamp may be from now, both ways. Defaults to 5 minutes.
	Tolerance time.Duration
	// NowFunc replaces the clock in tests. Defaults to [time.Now].
	NowFunc func() time.Time
	// MaxBody bounds what [Receive] reads, in bytes. Defaults to 1 MiB.
	MaxBody int64
}

func (o *VerifyOpts) withDefaults() VerifyOpts {
	var full VerifyOpts
	if o != nil {
		full = *o
	}
	full.Tolerance = cmp.Or(full.Tolerance, 5*time.Minute)
	full.MaxBody = cmp.Or(full.MaxBody, 1<<20)
	if full.NowFunc == nil {
		full.NowFunc = time.Now
	}
	return full
}

// Webhook is a request that was verified.
type Webhook struct {
	// ID is the same on every try: drop what was seen before.
	ID string
	// SentAt is when this try was made.
	SentAt time.Time
	// Body is what was signed, byte for byte.
	Body []byte
}

// maxSignatures bounds the work that a header can cause.
const maxSignatures = 32

// Verify checks that the body was sent by somebody who has one of the keys, and lately. Give several keys while one takes
// the place of another. Errors are [ErrKey], [ErrHeaders], [ErrTime] and [ErrSignature]; answer all of them alike.
func Verify(header http.Header, body []byte, keys []Key, opts *VerifyOpts) (*Webhook, error) {
	o := opts.withDefaults()
	if len(keys) == 0 {
		return nil, fmt.Errorf("verify webhook: %w: there is none", ErrKey)
	}
	for _, k := range keys {
		if k.scheme == "" {
			return nil, fmt.Errorf("verify webhook: %w: it is empty", ErrKey)
		}
	}
	id, timestamp, list, err := headers(header)
	if err != nil {
		return nil, err
	}
	unix, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || unix < 0 || strconv.FormatInt(unix, 10) != timestamp {
		return nil, fmt.Errorf("verify webhook: %w: %s is no time", ErrHeaders, HeaderTimestamp)
	}
	sentAt := time.Unix(unix, 0).UTC()
	if age := o.NowFunc().Sub(sentAt); age > o.Tolerance || age < -o.Tolerance {
		return nil, fmt.Errorf("verify webhook: %w", ErrTime)
	}
	content := signed(id, timestamp, body)
	for i, one := range strings.Split(list, " ") {
		version, encoded, _ := strings.Cut(one, ",")
		sig, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || i >= maxSignatures {
			continue
		}
		for _, k := range keys {
			if k.made(version, sig, content) {
				return &Webhook{ID: id, SentAt: sentAt, Body: body}, nil
			}
		}
	}
	return nil, fmt.Errorf("verify webhook: %w", ErrSignature)
}

// headers takes each of the three once.
func headers(header http.Header) (id, timestamp, list string, err error) {
	for name, into := range map[string]*string{HeaderID: &id, HeaderTimestamp: &timestamp, HeaderSignature: &list} {
		values := header.Values(name)
		if len(values) != 1 || values[0] == "" {
			return "", "", "", fmt.Errorf("verify webhook: %w: %s must be there once", ErrHeaders, name)
		}
		*into = values[0]
	}
	if !validID(id) {
		return "", "", "", fmt.Errorf("verify webhook: %w: %s", ErrHeaders, HeaderID)
	}
	return id, timestamp, list, nil
}

// Receive reads the body of a request and verifies it. Errors are those of [Verify], and [ErrBody].
func Receive(r *http.Request, keys []Key, opts *VerifyOpts) (*Webhook, error) {
	o := opts.withDefaults()
	body, err := io.ReadAll(io.LimitReader(r.Body, o.MaxBody+1))
	if err != nil || int64(len(body)) > o.MaxBody {
		return nil, fmt.Errorf("receive webhook: %w", errors.Join(ErrBody, err))
	}
	return Verify(r.Header, body, keys, opts)
}
