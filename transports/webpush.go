package transports

import (
	"errors"
	"fmt"
	"time"
)

// WebPush is the name of the web push transport.
const WebPush = "web_push"

// MaxWebPushTTL is the longest time that the big push services keep a message; they shorten a longer one.
// https://firebase.google.com/docs/cloud-messaging/customize-messages/setting-message-lifespan
const MaxWebPushTTL = 28 * 24 * time.Hour

// WebPushOptions are the options of a web push channel.
type WebPushOptions struct {
	// TTL is how long the push service keeps the message for a device that is away.
	TTL time.Duration `yaml:"ttl" default:"24h" doc:"how long a push service keeps the message for a device that is away: 1s to 28 days"`
	// Urgency tells a device whether to wake up for it.
	Urgency string `yaml:"urgency" default:"normal" oneof:"very-low,low,normal,high" doc:"whether a device wakes up for the message, or waits until it is plugged in, online or awake anyway"`
	// Collapse names what the message is about; a later one about the same replaces it.
	Collapse string `yaml:"collapse" template:"true" doc:"what the message is about, such as order-7: a later one about the same replaces it, at the push service and on the screen; without it each message stands for itself"`
	// Icon is the picture beside the text.
	Icon string `yaml:"icon" doc:"the picture beside the text, as a URL"`
	// Badge is the small picture in a status bar.
	Badge string `yaml:"badge" doc:"the small picture in a status bar, as a URL"`
	// Data goes to the page's service worker as it is.
	Data map[string]string `yaml:"data" template:"true" doc:"texts for the page's service worker, by name"`
	// Oversize is what becomes of a message that is too long.
	Oversize string `yaml:"oversize" default:"truncate" oneof:"truncate,refuse" doc:"what becomes of a message that is longer than push services take: its text ends in an ellipsis, or it is refused"`
}

// CheckOptions says what the tags cannot.
func (o WebPushOptions) CheckOptions() error {
	var errs []error
	if o.TTL != 0 && (o.TTL < time.Second || o.TTL > MaxWebPushTTL) {
		errs = append(errs, fmt.Errorf("ttl is %s (1s to 672h)", o.TTL))
	}
	if _, taken := o.Data[""]; taken {
		errs = append(errs, errors.New("data has a text without a name"))
	}
	return errors.Join(errs...)
}

// WebPushSpec is the spec of the web push transport.
func WebPushSpec() Spec {
	return Spec{
		Name:       WebPush,
		Doc:        "a notification in the browsers of a person, one message for all of her devices",
		PersonOnly: true,
		Retry:      RetryPush,
		Required:   []string{FieldTitle, FieldMessage},
		Uses:       []string{FieldActionURL, FieldActionLabel},
		Options:    WebPushOptions{},
	}
}
