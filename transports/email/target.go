package email

import (
	"cmp"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-notify/carillon/transports"
)

// encryption says how a server is spoken to.
type encryption int

const (
	startTLS    encryption = iota // STARTTLS or nothing
	implicitTLS                   // TLS from the first byte
	clearText                     // no TLS
)

// target is the server that Config.SMTP names.
type target struct {
	host       string
	port       string
	encryption encryption
	username   transports.Secret // often a key, too
	password   transports.Secret
}

func (t target) addr() string { return net.JoinHostPort(t.host, t.port) }

// loopback tells whether the server is on this machine, going by its name.
func (t target) loopback() bool {
	if t.host == "localhost" {
		return true
	}
	ip := net.ParseIP(t.host)
	return ip != nil && ip.IsLoopback()
}

// parseTarget reads an SMTP URL. The problems never quote it: what looks like a host may be half a password.
func parseTarget(raw string) (t target, problems []string) {
	if raw == "" {
		return t, []string{"is required (such as smtp://user:password@mail.example.com:587)"}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return t, []string{"is not a URL (special characters in the password must be percent-encoded)"}
	}
	t.host = strings.ToLower(u.Hostname())
	t.port = u.Port()
	switch u.Scheme {
	case "smtp":
		t.encryption = startTLS
		if t.loopback() {
			t.encryption = clearText
		}
		t.port = cmp.Or(t.port, "587")
	case "smtps":
		t.encryption = implicitTLS
		t.port = cmp.Or(t.port, "465")
	default:
		return t, []string{"must begin with smtp:// or smtps://"}
	}

	if t.host == "" || !isDomain(t.host) && net.ParseIP(t.host) == nil {
		problems = append(problems, "names no host")
	}
	if port, err := strconv.Atoi(t.port); err != nil || port < 1 || port > 65535 {
		problems = append(problems, "has a port that is not between 1 and 65535")
	}
	if u.Path != "" && u.Path != "/" || u.Fragment != "" {
		problems = append(problems,
			"has a path or fragment (special characters in the password must be percent-encoded)")
	}
	if u.User != nil {
		username := u.User.Username()
		password, _ := u.User.Password()
		t.username, t.password = transports.Secret(username), transports.Secret(password)
		if username == "" || password == "" {
			problems = append(problems, "has credentials without a name or without a password")
		}
		if strings.ContainsRune(username+password, 0) {
			problems = append(problems, "has a zero byte in its credentials")
		}
	}
	problems = append(problems, t.applyQuery(u)...)
	if t.encryption == clearText && t.username != "" && !t.loopback() {
		problems = append(problems, "would send the password in clear text (remove ?tls=off or the credentials)")
	}
	return t, problems
}

func (t *target) applyQuery(u *url.URL) (problems []string) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return []string{"has a query that cannot be read"}
	}
	for _, key := range slices.Sorted(maps.Keys(query)) {
		switch value := strings.Join(query[key], ","); {
		case key != "tls":
			problems = append(problems, "has an option that is not known (only tls is)")
		case u.Scheme == "smtps":
			problems = append(problems, "has ?tls=, which smtps:// excludes")
		case value == "off":
			t.encryption = clearText
		case value == "starttls":
			t.encryption = startTLS
		default:
			problems = append(problems, "has a ?tls= that is neither off nor starttls")
		}
	}
	return problems
}
