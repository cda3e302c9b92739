package slack_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/internal/slacksink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/slack"
)

var update = flag.Bool("update", false, "write the golden files")

// setup is a sink and a transport with a bot, a named webhook and one for all else.
func setup(t testing.TB, cfg *slacksink.Config) (*slack.Transport, *slacksink.Server) {
	t.Helper()
	sink, err := slacksink.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = sink.Close() })
	return dial(t, sink), sink
}

// dial is another transport to the same Slack.
func dial(t testing.TB, sink *slacksink.Server) *slack.Transport {
	t.Helper()
	transport, err := slack.New(&slack.Config{
		Token: transports.Secret(sink.Token()), APIURL: sink.APIURL(), Username: "Shop", IconEmoji: ":bell:",
		Webhooks: map[string]transports.Secret{"hook": transports.Secret(sink.WebhookURL("orders"))},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = transport.Close(context.Background()) })
	return transport
}

// full is a message with everything.
func full() transports.Message {
	return transports.Message{
		ReceiptID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), EventID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058"),
		Attempt: 1, Event: "orders.created", Channel: "slack.ops", Category: "orders", NotificationType: "success",
		Tenant: "acme", ResourceType: "orders", ResourceID: "A7",
		Recipient: transports.Recipient{Address: "#orders"},
		Content: transports.Content{
			Title: "Order A7 was created", Message: "Tom & Jerry <tom@example.com> ordered *two* bells.\nThank you!",
			ActionURL: "https://shop.example.com/orders/A7?a=1&b=2", ActionLabel: "Show <the> order",
		},
		RenderedAt: time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC),
	}
}

func with(m transports.Message, o transports.SlackOptions) transports.Message {
	m.Options, _ = transports.EncodeOptions(o)
	return m
}

func TestTheWholeMessage(t *testing.T) {
	t.Parallel()
	transport, sink := setup(t, nil)
	for name, m := range map[string]transports.Message{
		"bot": full(),
		"webhook": func() transports.Message {
			m := full()
			m.Recipient.Address = "hook"
			return m
		}(),
		"mrkdwn": with(full(), transports.SlackOptions{
			Mrkdwn: "<!here> *Order A7* by &lt;tom&gt;", Username: "Orders", IconURL: "https://example.com/bell.png", Unfurl: true,
		}),
		"blocks": with(full(), transports.SlackOptions{
			Blocks: `[{"type":"section","text":{"type":"mrkdwn","text":"<https://shop.example.com|Order> by &lt;!channel&gt;"}},
				{"type":"divider"}, {"type":"context","elements":[{"type":"mrkdwn","text":"a","verbatim":false}]}]`,
		}),
	} {
		before := len(sink.Messages())
		result, err := transport.Send(t.Context(), m)
		require.NoError(t, err, name)
		require.Equal(t, "127.0.0.1", result.Provider)
		got := sink.Messages()[before]
		if name != "webhook" {
			require.Equal(t, got.TS, result.ProviderMessageID)
		}
		var indented any
		require.NoError(t, json.Unmarshal(got.Raw, &indented))
		raw, err := json.MarshalIndent(indented, "", "  ")
		require.NoError(t, err)
		golden := filepath.Join("testdata", name+".json")
		if *update {
			require.NoError(t, os.WriteFile(golden, append(raw, '\n'), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(raw), name)
	}
}

// TestEveryRowOfTheTables drives each name that Slack may answer with, and counts what is sent to the room afterwards.
func TestEveryRowOfTheTables(t *testing.T) {
	t.Parallel()
	type row struct {
		answer *slacksink.Answer
		class  transports.Class
	}
	rows := map[string]map[string]row{"#orders": {}, "hook": {}}
	for class, names := range map[transports.Class][]string{
		transports.Rate: {"ratelimited", "rate_limited", "message_limit_exceeded"},
		transports.Permanent: {
			"msg_too_long", "msg_blocks_too_long", "no_text", "invalid_blocks", "invalid_blocks_format", "invalid_arguments",
			"invalid_metadata_format", "metadata_too_large", "too_many_attachments", "cannot_reply_to_message", "thread_not_found",
		},
		transports.Address: {
			"channel_not_found", "is_archived", "not_in_channel", "restricted_action", "restricted_action_read_only_channel",
			"user_not_found", "messages_tab_disabled",
		},
		transports.Configuration: {
			"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope", "no_permission",
			"not_allowed_token_type", "access_denied", "org_login_required", "ekm_access_denied", "team_access_not_granted",
		},
		transports.Transient: {"service_unavailable", "request_timeout", "a_name_of_tomorrow"},
		transports.Unknown:   {"internal_error", "fatal_error"},
	} {
		for _, name := range names {
			rows["#orders"][name] = row{slacksink.Refuse(name), class}
		}
	}
	for class, words := range map[transports.Class][]string{
		transports.Permanent:     {"400 invalid_payload", "400 no_text", "400 invalid_blocks", "400 too_many_attachments"},
		transports.Configuration: {"403 action_prohibited", "403 invalid_token", "403 posting_to_general_channel_denied", "403 team_disabled"},
		transports.Address:       {"404 no_service", "404 no_active_hooks", "404 channel_not_found", "404 no_team", "410 channel_is_archived", "410 ", "404 user_not_found"},
		transports.Transient:     {"500 rollup_error"},
		transports.Unknown:       {"500 ", "503 "},
		transports.Rate:          {"429 "},
	} {
		for _, text := range words {
			var status int
			var word string
			_, _ = fmt.Sscanf(text, "%d %s", &status, &word)
			rows["hook"][text] = row{slacksink.RefuseWebhook(status, word+"\n"), class}
		}
	}
	rows["#orders"]["429"] = row{slacksink.RateLimit("30"), transports.Rate}
	rows["#orders"]["cut"] = row{&slacksink.Answer{Cut: true, Keep: true}, transports.Unknown}
	rows["hook"]["cut"] = row{&slacksink.Answer{Cut: true, Keep: true}, transports.Unknown}
	for address, all := range rows {
		for name, r := range all {
			t.Run(address+"/"+name, func(t *testing.T) {
				t.Parallel()
				transport, sink := setup(t, &slacksink.Config{AnswerFunc: func(slacksink.Message) *slacksink.Answer { return r.answer }})
				m := full()
				m.Recipient.Address = address
				_, err := transport.Send(t.Context(), m)
				got := transports.Classify(err)
				require.Equal(t, r.class, got.Class, "%v", got)
				require.Equal(t, 1, sink.Requests())
				if name == "429" {
					require.Equal(t, 30*time.Second, got.RetryAfter)
				}
				_, err = transport.Send(t.Context(), m)
				require.Equal(t, r.class, transports.Classify(err).Class)
				want := 2
				if r.class == transports.Address {
					want = 1
				}
				require.Equal(t, want, sink.Requests(), "requests after two sends")
			})
		}
	}
}

func TestRefusalsOfTheSinkAreThoseOfSlack(t *testing.T) {
	t.Parallel()
	transport, sink := setup(t, &slacksink.Config{Channels: []string{"#orders"}, Webhooks: []string{"orders"}})
	nobody, err := slack.New(&slack.Config{Token: "xoxb-other", APIURL: sink.APIURL()})
	require.NoError(t, err)
	_, err = nobody.Send(t.Context(), full())
	require.Equal(t, transports.Configuration, transports.Classify(err).Class)
	m := full()
	m.Recipient.Address = "#elsewhere"
	_, err = transport.Send(t.Context(), m)
	require.Equal(t, transports.Address, transports.Classify(err).Class)
	_, err = transport.Send(t.Context(), with(full(), transports.SlackOptions{Blocks: `[{"type":"blink"}]`}))
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	m = full()
	m.Target = "1774746123.999999"
	_, err = transport.Send(t.Context(), m)
	require.Equal(t, transports.Permanent, transports.Classify(err).Class)
	require.Empty(t, sink.Messages())
	require.NoError(t, nobody.Close(t.Context()))
}

func TestNewReportsAllProblems(t *testing.T) {
	t.Parallel()
	_, err := slack.New(nil)
	require.ErrorContains(t, err, "slack: token is required")
	_, err = slack.New(&slack.Config{
		WebhookURL: "https://hooks.example.com/canary", Webhooks: map[string]transports.Secret{"https://canary": "http://hooks.slack.com/canary"},
		Token: "xoxb canary", APIURL: "ftp://slack.com", IconEmoji: ":bell:", IconURL: "x", Timeout: time.Hour,
	})
	for _, field := range []string{"webhook_url", "webhooks", "token", "api_url", "icon_url", "timeout"} {
		require.ErrorContains(t, err, "slack: "+field+" ")
	}
	require.NotContains(t, err.Error(), "canary")
}

func TestEachRoomHasItsRate(t *testing.T) {
	t.Parallel()
	transport, _ := setup(t, nil)
	m := full()
	bot := transport.Destination(m)
	require.Equal(t, transports.Destination{Host: "127.0.0.1", Key: "#orders", Rate: transports.Limit{Count: 1, Per: time.Second}}, bot)
	m.Recipient.Address = "hook"
	hook := transport.Destination(m)
	require.NotEqual(t, bot.Account, hook.Account, "a webhook is an account of its own")
	require.NotContains(t, hook.Key, "orders", "the URL is a secret")
	require.Equal(t, bot.Rate, hook.Rate)
	m.Recipient.Address = "nowhere"
	require.Zero(t, transport.Destination(m))
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	transport, _ := setup(t, nil)
	for address, ok := range map[string]bool{
		"#orders": true, "C012AB3CD": true, "U012AB3CD": true, "D012AB3CD": true, "hook": true, "orders": false, "": false,
		"#a b": false, "#<!channel>": false, "https://hooks.slack.com/services/T/B/x": false,
	} {
		require.Equal(t, ok, transport.CheckAddress(address) == nil, address)
	}
	labels, err := slack.New(&slack.Config{WebhookURL: "https://hooks.slack.com/services/T/B/x"})
	require.NoError(t, err)
	require.NoError(t, labels.CheckAddress("#orders"), "a webhook's channel was chosen in Slack")
	require.NoError(t, labels.Close(t.Context()))
}

// FuzzNothingIsActive sends any text in every place where a value may stand.
func FuzzNothingIsActive(f *testing.F) {
	for _, text := range []string{
		"<!channel>", "<@U012AB3CD>", "<https://evil.example|x>", "&lt;!here&gt;", "<!date^1^{date}|x>", `"},{"type":"divider"}`, "\\", "a|b>",
	} {
		f.Add(text)
	}
	transport, sink := setup(f, nil)
	f.Fuzz(func(t *testing.T, text string) {
		m := full()
		m.Content.Title, m.Content.Message, m.Content.ActionLabel = text, text, text
		m.Content.ActionURL = "https://shop.example.com/?q=" + text
		before := len(sink.Messages())
		if _, err := transport.Send(t.Context(), m); err != nil {
			require.Equal(t, transports.Permanent, transports.Classify(err).Class)
			return
		}
		active := sink.Messages()[before].Active()
		require.Len(t, active, 1)
		require.True(t, strings.HasPrefix(active[0], "https://shop.example.com/?q="), active[0])
	})
}
