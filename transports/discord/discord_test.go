package discord_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/dispatchtest"
	"github.com/carillon-notify/carillon/internal/discordsink"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/discord"
)

var update = flag.Bool("update", false, "write the golden files")

// setup is a sink and a transport with a bot and a named webhook.
func setup(t testing.TB, cfg *discordsink.Config) (*discord.Transport, *discordsink.Server) {
	t.Helper()
	sink, err := discordsink.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = sink.Close() })
	return dial(t, sink), sink
}

// dial is another transport to the same Discord.
func dial(t testing.TB, sink *discordsink.Server) *discord.Transport {
	t.Helper()
	transport, err := discord.New(&discord.Config{
		Token: transports.Secret(sink.Token()), APIURL: sink.APIURL(), Username: "Shop",
		Webhooks: map[string]transports.Secret{"hook": transports.Secret(sink.WebhookURL("orders"))},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = transport.Close(context.Background()) })
	return transport
}

// full is a message with everything.
func full() transports.Message {
	m := transports.Message{
		ReceiptID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), EventID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058"),
		Attempt: 1, Event: "orders.created", Channel: "discord.ops", NotificationType: "success",
		Recipient: transports.Recipient{Address: room},
		Content: transports.Content{
			Title: "Order A7 was *created*", Message: "Tom @everyone <@123456789012345678> [x](https://evil.example)\n# not a heading",
			ActionURL: "https://shop.example.com/orders/A7?a=(1)", ActionLabel: "Show [the] order",
		},
		RenderedAt: time.Date(2026, 3, 29, 1, 2, 3, 0, time.UTC),
	}
	m.Options, _ = transports.EncodeOptions(transports.DiscordOptions{
		Markdown: "<@&123456789012345678> **new order**", Mention: []string{"role:123456789012345678"},
		Fields: map[string]string{"Total": "12.50 *EUR*", "Empty": ""}, Silent: true,
	})
	return m
}

func TestTheWholeMessage(t *testing.T) {
	t.Parallel()
	transport, sink := setup(t, nil)
	for name, address := range map[string]string{"bot": room, "webhook": "hook"} {
		m := full()
		m.Recipient.Address = address
		before := len(sink.Messages())
		result, err := transport.Send(t.Context(), m)
		require.NoError(t, err)
		got := sink.Messages()[before]
		require.Equal(t, got.ID, result.ProviderMessageID)
		golden := filepath.Join("testdata", name+".json")
		if *update {
			var value any
			require.NoError(t, json.Unmarshal(got.Raw, &value))
			raw, err := json.MarshalIndent(value, "", "  ")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(golden, append(raw, '\n'), 0o600))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got.Raw))
	}
	m := full()
	m.Attempt = 2
	_, err := transport.Send(t.Context(), m)
	require.NoError(t, err)
	require.Len(t, sink.Messages(), 2, "the nonce tells the bot's repetition")
}

// TestEveryRowOfTheTables drives each answer that Discord may give, and counts what is sent to the room afterwards.
func TestEveryRowOfTheTables(t *testing.T) {
	t.Parallel()
	for address, classes := range map[string]map[transports.Class][]string{
		room: {
			transports.Address: {"404 10015", "404 10003", "403 50001", "403 50013", "403 50007"}, transports.Configuration: {"401 50027", "401 0"},
			transports.Permanent: {"400 50006", "400 50035", "413 40005", "404 0"}, transports.Transient: {"500 0", "502 0", "503 0", "425 0", "418 0"},
			transports.Rate: {"429 0"},
		},
		"hook": {
			transports.Address:   {"404 10015", "404 0", "401 50027", "401 0", "403 50013", "400 10003"},
			transports.Permanent: {"400 50006", "400 50035", "413 40005"}, transports.Configuration: {"403 0"},
			transports.Unknown: {"500 0", "502 0"}, transports.Rate: {"429 0"},
		},
	} {
		for class, answers := range classes {
			for _, answer := range answers {
				t.Run(address+"/"+answer, func(t *testing.T) {
					t.Parallel()
					var status, code int
					_, _ = fmt.Sscanf(answer, "%d %d", &status, &code)
					transport, sink := setup(t, &discordsink.Config{AnswerFunc: func(discordsink.Message) *discordsink.Answer {
						return discordsink.Refuse(status, code)
					}})
					m := full()
					m.Recipient.Address = address
					for range 2 {
						_, err := transport.Send(t.Context(), m)
						require.Equal(t, class, transports.Classify(err).Class, "%v", err)
					}
					want := 2
					if class == transports.Address {
						want = 1
					}
					require.Equal(t, want, sink.Requests(), "requests after two sends")
				})
			}
		}
	}
	transport, _ := setup(t, &discordsink.Config{AnswerFunc: func(discordsink.Message) *discordsink.Answer {
		return discordsink.RateLimit("0.35")
	}})
	_, err := transport.Send(t.Context(), full())
	require.Equal(t, 350*time.Millisecond, transports.Classify(err).RetryAfter)
}

func TestAfterAThousandRefusalsAllSendsWait(t *testing.T) {
	t.Parallel()
	transport, sink := setup(t, &discordsink.Config{AnswerFunc: func(discordsink.Message) *discordsink.Answer {
		return discordsink.Refuse(401, 0)
	}})
	var last error
	for range 1100 {
		_, last = transport.Send(t.Context(), full())
	}
	require.Equal(t, 1000, sink.Requests())
	require.Equal(t, transports.Rate, transports.Classify(last).Class)
	require.Positive(t, transports.Classify(last).RetryAfter)
}

func TestADeadWebhookIsAskedOnce(t *testing.T) {
	t.Parallel()
	_, sink := setup(t, &discordsink.Config{Webhooks: []string{"another"}})
	resource := dispatch.Resource[dispatch.Data]{
		Name: "tickets", Audiences: map[string]dispatch.Audience{"room": dispatch.Fixed(transports.Discord, "hook")},
		Events: []dispatch.Event[dispatch.Data]{{
			Name: "changed", Channels: []dispatch.Channel{{Transport: transports.Discord, Audience: "room"}},
			Content: dispatch.Content{Message: "m"},
		}},
	}
	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{resource}})
	require.NoError(t, err)
	tx := dispatchtest.Tx(t)
	var outcomes []string
	for range 3 { // workers, each without the memory of the others
		kit := dispatchtest.New(t, tx, d, dial(t, sink))
		emitted, err := dispatch.For(d, resource).EmitTx(t.Context(), tx, "changed", dispatch.Data{}, nil)
		require.NoError(t, err)
		kit.Deliver()
		outcomes = append(outcomes, kit.Outcomes(emitted.EventID)...)
	}
	require.Equal(t, []string{
		"discord.room to hook: failed(bad_address)", "discord.room to hook: skipped(switched_off)",
		"discord.room to hook: skipped(switched_off)",
	}, outcomes)
	require.Equal(t, 1, sink.Requests())
}

func TestTheBotAndEachWebhookHaveTheirRate(t *testing.T) {
	t.Parallel()
	transport, _ := setup(t, nil)
	m := full()
	require.Equal(t, transports.Destination{Host: "127.0.0.1", Key: "bot", Rate: transports.Limit{Count: 50, Per: time.Second}},
		transport.Destination(m))
	m.Recipient.Address = "hook"
	hook := transport.Destination(m)
	require.Equal(t, transports.Limit{Count: 30, Per: time.Minute}, hook.Rate)
	require.NotContains(t, hook.Key, "orders", "the URL is a secret")
	m.Recipient.Address = "nowhere"
	require.Zero(t, transport.Destination(m))
}

func TestNewReportsAllProblems(t *testing.T) {
	t.Parallel()
	_, err := discord.New(nil)
	require.ErrorContains(t, err, "discord: token is required")
	_, err = discord.New(&discord.Config{
		WebhookURL: "https://discord.com/canary", Webhooks: map[string]transports.Secret{"": "http://discord.com/api/webhooks/1/canary"},
		Token: "Bot canary", APIURL: "ftp://x", Username: "Clyde", Timeout: time.Hour,
	})
	for _, field := range []string{"webhook_url", "webhooks", "token", "api_url", "username", "timeout"} {
		require.ErrorContains(t, err, "discord: "+field+" ")
	}
	require.NotContains(t, err.Error(), "canary")
}

// active is what Discord would act on in what is not escaped.
var active = regexp.MustCompile("[*_~`|<>\\[\\]]|@everyone|@here|https?://|<@")

// FuzzNothingIsActive sends any text in every place where a value may stand.
func FuzzNothingIsActive(f *testing.F) {
	for _, text := range []string{
		"@everyone", "<@123456789012345678>", "[x](https://evil.example)", "# big", "- list", "||x||", "\\", "\\*x*", "<:e:1>", "`x", "<https://x.example>",
	} {
		f.Add(text)
	}
	transport, sink := setup(f, nil)
	f.Fuzz(func(t *testing.T, text string) {
		m := full()
		m.ReceiptID = uuid.New()
		m.Content = transports.Content{Title: text, Message: "m" + text}
		m.Options, _ = transports.EncodeOptions(transports.DiscordOptions{Fields: map[string]string{"name": text}})
		before := len(sink.Messages())
		if _, err := transport.Send(t.Context(), m); err != nil {
			require.Equal(t, transports.Permanent, transports.Classify(err).Class)
			return
		}
		got := sink.Messages()[before]
		require.NotNil(t, got.AllowedMentions)
		require.NotNil(t, got.AllowedMentions.Parse)
		require.Empty(t, got.AllowedMentions.Parse)
		for _, read := range got.Texts() {
			require.NotRegexp(t, active, discordsink.Bare(read), "%q", read)
		}
	})
}
