package main

import (
	"github.com/spf13/cobra"

	"github.com/carillon-notify/carillon/transports/webpush"
)

func newKeysCommand(a *app) *cobra.Command {
	return group("keys", "Make keys", newKeysVAPIDCommand(a))
}

// madeKeys is what `carillon keys vapid --json` prints: here, and only here, a private key is shown.
type madeKeys struct {
	Public  string `json:"public_key"`
	Private string `json:"private_key"`
}

func newKeysVAPIDCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "vapid",
		Short: "Make the pair of keys that web push needs",
		Long: `Make a pair of keys for web push (VAPID, RFC 8292), and store it nowhere. The private one goes into the environment, for
transports.web_push.private_key; the public one into the page, as applicationServerKey. Browsers that subscribed with one
pair have to subscribe again for another.

JSON: {"public_key": …, "private_key": …}`,
		Args: exactly(0),
		RunE: func(*cobra.Command, []string) error {
			made, err := webpush.NewKeys()
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(madeKeys{made.Public, made.Private.Reveal()})
			}
			n := &narrator{app: a}
			n.line(0, "public   %s", made.Public)
			n.line(0, "private  %s", made.Private.Reveal())
			if err := a.print(n.String()); err != nil {
				return err
			}
			a.say("keep the private key: it is stored nowhere")
			return nil
		},
	}
}
