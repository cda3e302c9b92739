package transporttest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/transports"
)

// checkSilence requires that neither the result nor the error gives away a secret, the address or the message: not as
// text, not with verbs that print more, not in a log, and not after classification. The cause that an
// [transports.Error] wraps is excepted, since it is never printed.
func (b *bundle) checkSilence(m transports.Message, result transports.Result, err error) {
	b.t.Helper()
	said := map[string]string{"the result": fmt.Sprintf("%+v", result)}
	if err != nil {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Error("send", "err", err)
		said["the error"] = fmt.Sprintf("%v %+v %s", err, err, err.Error())
		said["the log"] = log.String()
		said["the classified error"] = transports.Classify(err).Error()
	}
	for where, text := range said {
		text = strings.ToLower(text)
		for what, forbidden := range b.forbidden(m) {
			require.False(b.t, strings.Contains(text, strings.ToLower(forbidden)), "%s gives away %s", where, what)
		}
	}
}

// forbidden maps what must not be said to its forms.
func (b *bundle) forbidden(m transports.Message) map[string]string {
	forms := make(map[string]string)
	for i, secret := range b.Secrets {
		name := fmt.Sprintf("secret %d", i+1)
		forms[name] = secret
		forms[name+" in a URL's path"] = url.PathEscape(secret)
		forms[name+" in a URL's query"] = url.QueryEscape(secret)
		forms[name+" in base64"] = base64.StdEncoding.EncodeToString([]byte(secret))
	}
	forms["the address"] = m.Recipient.Address
	forms["the address's local part"], _, _ = strings.Cut(m.Recipient.Address, "@")
	forms["the name"] = m.Recipient.Name
	for _, f := range m.Content.Fields() {
		forms[f.Name] = *f.Value
	}
	var options map[string]any
	if json.Unmarshal(m.Options, &options) == nil {
		for name, value := range options {
			if text, ok := value.(string); ok {
				forms["option "+name] = text
			}
		}
	}
	for what, form := range forms {
		// A single letter or a blank address says nothing, and is found in every text.
		if len(strings.TrimSpace(form)) < 6 {
			delete(forms, what)
		}
	}
	return forms
}
