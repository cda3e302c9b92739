package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/carillon-notify/carillon/dispatch/attachments"
)

func TestAttachmentsArrive(t *testing.T) {
	t.Parallel()
	file := parse(t, "attachments: { folder: ./files, max_files: 3, max_file_bytes: 1_000, max_bytes: 2_000 }\n")
	require.Equal(t, &attachments.Config{Folder: "./files", MaxFiles: 3, MaxFileBytes: 1000, MaxBytes: 2000}, file.Attachments)
	require.Nil(t, parse(t, "").Attachments)
}

func TestAttachmentsAreRefusedAtTheirPlace(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"attachments: { max_files: 101 }":                                                               `attachments.max_files: 101 is out of range (1 to 100; 0 is the default)`,
		"attachments: { max_bytes: -1 }":                                                                `attachments.max_bytes: -1 is out of range`,
		"attachments: { max_file_bytes: 2, max_bytes: 1 }":                                              `attachments.max_file_bytes: is more than max_bytes`,
		"attachments: { dir: x }":                                                                       `attachments.dir: unknown key`,
		event("attachments: [{ name: x }]", ""):                                                         `events.shop.created.attachments[0].file: is required`,
		event("", "attachments: [{ file: a, name: ../b }]"):                                             `events.shop.created.channels[0].attachments[0].name: has a slash`,
		event("", `attachments: [{ file: "{{ nothing }}" }]`):                                           `events.shop.created.channels[0].attachments[0].file: unknown placeholder "nothing"`,
		event("", "attachments: [{ file: a, media_type: pdf }]"):                                        `attachments[0].media_type: is no media type`,
		event("", `attachments: [{ file: a, content_id: "a>b" }]`):                                      `attachments[0].content_id: has a character`,
		event("attachments: [{ file: a, content_id: x }]", "attachments: [{ file: b, content_id: x }]"): `channels[0].attachments[0].content_id: another attachment of the channel has it, too`,
		event("", `content: { html: "<img src='cid:logo'>" }`):                                          `channels[0].content.html: shows cid:logo, and no attachment has that content_id`,
		"audiences: { user: { field: user_id } }\nevents:\n  shop.created:\n    sample: { user_id: \"1\" }\n    attachments: [{ file: a }]\n    channels: [{ transport: in_app, audience: user }]\n    content: { title: T, message: M }\n": `events.shop.created.attachments: no channel of the event sends files (transports that do: email)`,
		"audiences: { user: { field: user_id } }\nevents:\n  shop.created:\n    sample: { user_id: \"1\" }\n    channels: [{ transport: in_app, audience: user, attachments: [{ file: a }] }]\n    content: { title: T, message: M }\n":     `channels[0].attachments: transport in_app sends no files (transports that do: email)`,
	} {
		found := problems(t, source+"\n", two())
		require.Len(t, found, 1, "%s", source)
		require.Contains(t, found[0], want, source)
	}
}

// event is a file with one event of one mail.
func event(ofEvent, ofChannel string) string {
	if ofEvent != "" {
		ofEvent = "    " + ofEvent + "\n"
	}
	if ofChannel != "" {
		ofChannel = ", " + ofChannel
	}
	return "transports: { email: { smtp: \"smtp://localhost:1025\", from: a@example.com } }\naudiences: { user: { field: user_id } }\nevents:\n  shop.created:\n" +
		"    sample: { user_id: \"1\" }\n" + ofEvent + "    channels: [{ transport: email, audience: user" + ofChannel + " }]\n    content: { subject: S, message: M }"
}
