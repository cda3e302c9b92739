package sms

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/classify"
	"github.com/carillon-notify/carillon/transports/internal/provider"
)

// HTTPConfig is a service that takes a text by one HTTP request. The values of headers, query, form and json may have
// {{ to }}, {{ from }}, {{ text }}, {{ id }} (the receipt's), {{ segments }} and {{ encoding }} in them, each of which is
// written as its place needs it.
type HTTPConfig struct {
	// URL is where the request goes, https, or plain http to this machine. Required.
	URL transports.Secret `yaml:"url"`
	// Method is POST, PUT or GET. Defaults to POST.
	Method string `yaml:"method"`
	// Headers are the request's, such as Authorization. Defaults to none.
	Headers map[string]transports.Secret `yaml:"headers"`
	// Query is added to the URL. Defaults to none.
	Query map[string]transports.Secret `yaml:"query"`
	// Form is the body as a form. Form and json exclude each other. Defaults to none.
	Form map[string]transports.Secret `yaml:"form"`
	// JSON is the body as JSON: any value. Defaults to none.
	JSON any `yaml:"json"`
	// Accept lists the statuses with which the service takes a text; without any, all from 200 to 299.
	Accept []int `yaml:"accept"`
	// AcceptWhen lists what must stand in such an answer, too, for services that refuse with 200: texts by their places, such
	// as messages.0.status: "0". A place is the names and indexes of JSON with dots between them. Without any, the status is
	// enough.
	AcceptWhen map[string]string `yaml:"accept_when"`
	// MessageID is the place of the message's id in the answer. Defaults to none.
	MessageID string `yaml:"message_id"`
	// ErrorCode is the place of the service's own code in an answer that refuses. Defaults to none.
	ErrorCode string `yaml:"error_code"`
	// Codes says what such codes mean: transient, rate, permanent, address, configuration or unknown. Other answers mean what
	// their statuses do. Defaults to none.
	Codes map[string]string `yaml:"codes"`
	// Idempotent says that the service recognises a repetition by {{ id }}, so that a failure is worth another try.
	// Defaults to false.
	Idempotent bool `yaml:"idempotent"`
	// Allow lists ranges of addresses that are allowed although they are not public, such as "10.20.0.0/16". Defaults to
	// none.
	Allow []string `yaml:"allow"`
}

// service is the provider.
type service struct {
	config  HTTPConfig
	url     *url.URL
	client  *provider.Client
	nowFunc func() time.Time
}

var _ Provider = (*service)(nil)

// classes are those that a code may mean.
var classes = []transports.Class{
	transports.Transient, transports.Rate, transports.Permanent, transports.Address, transports.Configuration, transports.Unknown,
}

func newService(c Config, problem func(field, format string, args ...any)) Provider {
	s := &service{config: *c.HTTP, nowFunc: c.NowFunc}
	found := false
	refuse := func(field, format string, args ...any) {
		found = true
		problem("http."+field, format, args...)
	}
	var err error
	if s.url, err = provider.ParseURL(s.config.URL.Reveal(), nil); err != nil {
		refuse("url", "%s", err)
	}
	s.config.Method = cmp.Or(s.config.Method, http.MethodPost)
	switch {
	case !slices.Contains([]string{http.MethodPost, http.MethodPut, http.MethodGet}, s.config.Method):
		refuse("method", "is none of POST, PUT and GET")
	case s.config.Form != nil && s.config.JSON != nil:
		refuse("json", "has no place beside form (choose one)")
	case s.config.Method == http.MethodGet && (s.config.Form != nil || s.config.JSON != nil):
		refuse("method", "GET has no body (write it into query)")
	}
	var allow []netip.Prefix
	for _, text := range s.config.Allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			refuse("allow", "has an entry that is no range of addresses (write 10.20.0.0/16)")
			break
		}
		allow = append(allow, prefix.Masked())
	}
	for _, class := range s.config.Codes {
		if !slices.Contains(classes, transports.Class(class)) {
			refuse("codes", "has a meaning that is none of %v", classes)
			break
		}
	}
	if slices.ContainsFunc(s.config.Accept, func(status int) bool { return status < 200 || status > 599 }) {
		refuse("accept", "has an entry that is no status (200 to 599)")
	}
	s.checkTexts(c, refuse)
	if found {
		return nil
	}
	s.client, err = provider.NewClient(provider.Config{
		URLs: []*url.URL{s.url}, Allow: allow, Timeout: c.Timeout, Secrets: s.secrets(),
	})
	if err != nil {
		refuse("url", "%s", err)
		return nil
	}
	return s
}

// checkTexts finds placeholders that nothing would fill, and services that would be told neither number nor text.
func (s *service) checkTexts(c Config, refuse func(field, format string, args ...any)) {
	used := map[string]bool{}
	for field, texts := range map[string][]string{
		"headers": reveal(s.config.Headers), "query": reveal(s.config.Query), "form": reveal(s.config.Form), "json": textsIn(s.config.JSON),
	} {
		for _, text := range texts {
			names, err := placeholdersIn(text)
			if err != nil {
				refuse(field, "%s", err)
			}
			for _, name := range names {
				used[name] = true
			}
		}
	}
	for name := range s.config.Headers {
		if !headerName.MatchString(name) {
			refuse("headers", "has a name that is none (letters, digits and hyphens)")
		}
	}
	for _, name := range []string{"to", "text"} {
		if !used[name] {
			refuse("form", "or json, query or headers must have {{ %s }}", name)
		}
	}
	if used["from"] && c.From == "" {
		refuse("form", "uses {{ from }}, which needs transports.sms.from")
	}
	if s.config.Idempotent && !used["id"] {
		refuse("idempotent", "needs {{ id }} in the request, by which the service recognises a repetition")
	}
}

// secrets are whatever was configured as such.
func (s *service) secrets() []string {
	return slices.Concat([]string{s.config.URL.Reveal()}, reveal(s.config.Headers), reveal(s.config.Query), reveal(s.config.Form), textsIn(s.config.JSON))
}

// Name is the host.
func (s *service) Name() string { return s.url.Hostname() }

// Close closes the idle connections.
func (s *service) Close(ctx context.Context) error { return s.client.Close(ctx) }

// Send makes the request.
func (s *service) Send(ctx context.Context, text Text) (transports.Result, error) {
	to, header, body, err := s.request(text)
	if err != nil {
		return transports.Result{}, err
	}
	answer, failed := s.client.Do(ctx, s.config.Method, to, header, body)
	if failed != nil {
		failed.Attempt, failed.Keyed = text.Attempt, s.config.Idempotent
		return transports.Result{}, classify.HTTP().Classify(*failed)
	}
	var said any
	decoder := json.NewDecoder(bytes.NewReader(answer.Body))
	decoder.UseNumber()
	unread := decoder.Decode(&said)
	accepted := answer.Status/100 == 2
	if len(s.config.Accept) > 0 {
		accepted = slices.Contains(s.config.Accept, answer.Status)
	}
	agreed := true
	for place, want := range s.config.AcceptWhen {
		agreed = agreed && find(said, place) == want
	}
	if accepted && agreed {
		return transports.Result{Provider: s.Name(), ProviderMessageID: printable(find(said, s.config.MessageID))}, nil
	}
	code := find(said, s.config.ErrorCode)
	o := provider.Answered(answer, s.harmless(code, text), "", text.Attempt, s.nowFunc())
	o.Keyed = s.config.Idempotent
	if accepted && unread != nil {
		// A success that cannot be read may be one.
		o.Fault = classify.FaultProtocol
	}
	e := classify.HTTP().Classify(o)
	if class, known := s.config.Codes[code]; known && o.Fault == classify.FaultNone {
		e.Class, e.Detail, e.Unclassified = transports.Class(class), "the configuration says what this code means", false
		if e.Class == transports.Permanent || e.Class == transports.Address {
			e.RetryAfter = 0
		}
	}
	return transports.Result{}, e
}

// shortest is how long a code must be to give anything away.
const shortest = 6

// harmless is the code, unless the service repeats there what nobody may see.
func (s *service) harmless(code string, text Text) string {
	if _, known := s.config.Codes[code]; known || len(code) < shortest {
		return code
	}
	for _, private := range append(s.secrets(), text.To, text.Body) {
		if private != "" && (strings.Contains(private, code) || strings.Contains(code, private)) {
			return ""
		}
	}
	return code
}

// request writes a text into the configured request.
func (s *service) request(text Text) (to string, header http.Header, body []byte, err error) {
	values := map[string]string{
		"to": text.To, "from": text.From, "text": text.Body, "id": text.ReceiptID.String(),
		"segments": strconv.Itoa(text.Segments), "encoding": string(text.Encoding),
	}
	header = http.Header{}
	for name, value := range s.config.Headers {
		filled := fill(value.Reveal(), values)
		if strings.ContainsAny(filled, "\r\n") {
			return "", nil, nil, transports.Errorf(transports.Permanent, "a header cannot hold a text of several lines")
		}
		header.Set(name, filled)
	}
	target := *s.url
	if len(s.config.Query) > 0 {
		query := target.Query()
		for name, value := range s.config.Query {
			query.Set(name, fill(value.Reveal(), values))
		}
		target.RawQuery = query.Encode()
	}
	kind := ""
	switch {
	case s.config.JSON != nil:
		kind = "application/json"
		if body, err = json.Marshal(fillAll(s.config.JSON, values)); err != nil {
			return "", nil, nil, transports.Errorf(transports.Permanent, "the request cannot be encoded")
		}
	case s.config.Form != nil:
		kind = "application/x-www-form-urlencoded"
		form := url.Values{}
		for name, value := range s.config.Form {
			form.Set(name, fill(value.Reveal(), values))
		}
		body = []byte(form.Encode())
	}
	if kind != "" && header.Get("Content-Type") == "" {
		header.Set("Content-Type", kind)
	}
	return target.String(), header, body, nil
}

var (
	errPlaceholder = errors.New("has a placeholder that is none of {{ to }}, {{ from }}, {{ text }}, {{ id }}, {{ segments }} and {{ encoding }}")
	errBraces      = fmt.Errorf("%w (or braces that do not match)", errPlaceholder)
)
