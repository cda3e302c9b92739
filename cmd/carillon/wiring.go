package main

import (
	"cmp"
	"errors"
	"io/fs"

	"github.com/carillon-notify/carillon/dispatch/config"
	"github.com/carillon-notify/carillon/transports"
	"github.com/carillon-notify/carillon/transports/bridge"
	"github.com/carillon-notify/carillon/transports/broadcast"
	"github.com/carillon-notify/carillon/transports/broadcast/nats"
	"github.com/carillon-notify/carillon/transports/discord"
	"github.com/carillon-notify/carillon/transports/email"
	"github.com/carillon-notify/carillon/transports/inapp"
	"github.com/carillon-notify/carillon/transports/job"
	"github.com/carillon-notify/carillon/transports/slack"
	"github.com/carillon-notify/carillon/transports/sms"
	"github.com/carillon-notify/carillon/transports/webhook"
	"github.com/carillon-notify/carillon/transports/webpush"
)

// builders is every transport that this program brings, one a line.
func builders() []config.Builder {
	return []config.Builder{
		{Spec: transports.EmailSpec(), New: configured(email.New)},
		{Spec: transports.SlackSpec(), New: configured(slack.New)},
		{Spec: transports.DiscordSpec(), New: configured(discord.New)},
		{Spec: transports.SMSSpec(), New: configured(sms.New)},
		{Spec: transports.BridgeSpec(), New: configured(bridge.New)},
		{Spec: transports.InAppSpec(), NoConfig: true, New: bare(inapp.New)},
		{Spec: transports.BroadcastSpec(), NoConfig: true, New: broadcaster},
		{Spec: transports.JobSpec(), New: configured(job.New)},
		{Spec: transports.WebhookSpec(), New: configured(webhook.New)},
		{Spec: transports.WebPushSpec(), New: configured(webpush.New)},
	}
}

// configured makes a transport of its section in the file.
func configured[C any, T transports.Transport](newFunc func(*C) (T, error)) func(func(any) error) (transports.Transport, error) {
	return func(decode func(any) error) (transports.Transport, error) {
		var c C
		if err := decode(&c); err != nil {
			return nil, err
		}
		built, err := newFunc(&c)
		if err != nil {
			return nil, err
		}
		return built, nil
	}
}

// broadcaster signals over NATS if the file says where that is, else in the database.
func broadcaster(decode func(any) error) (transports.Transport, error) {
	var c struct {
		NATS *nats.Config `yaml:"nats"`
	}
	if err := decode(&c); err != nil {
		return nil, err
	}
	if c.NATS == nil {
		return broadcast.New(), nil
	}
	t, err := nats.New(c.NATS)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// bare makes a transport that has nothing to configure.
func bare[T transports.Transport](newFunc func() T) func(func(any) error) (transports.Transport, error) {
	return func(func(any) error) (transports.Transport, error) { return newFunc(), nil }
}

// defaultConfig is the file that publish and worker read if --config names none.
const defaultConfig = "carillon.yaml"

// loadConfig reads the declarations.
func (a *app) loadConfig() (*config.File, error) {
	file, err := config.Load(cmp.Or(a.configPath, defaultConfig), builders())
	if errors.Is(err, fs.ErrNotExist) && a.configPath == "" {
		return nil, usagef("there is no %s here (name the declarations with --config)", defaultConfig)
	}
	return file, err
}
