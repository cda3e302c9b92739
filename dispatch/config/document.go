package config

import (
	"reflect"
	"time"

	"github.com/carillon-notify/carillon/dispatch"
	"github.com/carillon-notify/carillon/dispatch/attachments"
	"github.com/carillon-notify/carillon/dispatch/delivery"
	"github.com/carillon-notify/carillon/transports"
)

// document is the whole file. Its yaml tags are the keys: [Keys] and the problem of an unknown key read them, too.
type document struct {
	DatabaseURL transports.Secret   `yaml:"database_url"`
	PublicURL   string              `yaml:"public_url"`
	People      people              `yaml:"people"`
	Audiences   map[string]audience `yaml:"audiences"`
	Categories  map[string]category `yaml:"categories"`
	// Transports are decoded by their builders.
	Transports map[string]*node `yaml:"transports"`
	Events     map[string]event `yaml:"events"`
	Delivery   *delivery.Config `yaml:"delivery"`
	// Attachments says where files are, and how much goes along.
	Attachments *attachments.Config `yaml:"attachments"`
	Worker      Worker              `yaml:"worker"`
}

// people says where the application keeps them.
type people struct {
	SQL string `yaml:"sql"`
}

// audience has one of its keys.
type audience struct {
	Field string `yaml:"field"`
	SQL   string `yaml:"sql"`
	// Fixed maps transports to addresses.
	Fixed map[string]string `yaml:"fixed"`
	// Endpoints are the stored endpoints of the event's tenant that want the event, for the webhook transport.
	Endpoints bool `yaml:"endpoints"`
}

type category struct {
	// Name is what people read.
	Name      string `yaml:"name"`
	Mandatory bool   `yaml:"mandatory"`
}

// event is a [dispatch.Event]; its fields are documented there.
type event struct {
	Category         string                        `yaml:"category"`
	NotificationType string                        `yaml:"notification_type"`
	Priority         string                        `yaml:"priority"`
	ExpiresAfter     time.Duration                 `yaml:"expires_after"`
	Retry            string                        `yaml:"retry"`
	Sample           dispatch.Data                 `yaml:"sample"`
	Channels         []channel                     `yaml:"channels"`
	Content          transports.Content            `yaml:"content"`
	ContentFor       map[string]transports.Content `yaml:"content_for"`
	Attachments      []transports.Attachment       `yaml:"attachments"`
}

// channel is a [dispatch.Channel]; its fields are documented there.
type channel struct {
	Name      string        `yaml:"name"`
	Transport string        `yaml:"transport"`
	Audience  string        `yaml:"audience"`
	Delay     time.Duration `yaml:"delay"`
	Policy    string        `yaml:"policy"`
	Retry     string        `yaml:"retry"`
	OnUnknown string        `yaml:"on_unknown"`
	// Options are decoded into the struct that the transport's spec declares.
	Options     *node                   `yaml:"options"`
	Content     transports.Content      `yaml:"content"`
	Attachments []transports.Attachment `yaml:"attachments"`
}

// decodeDocument fills doc from the root of the file.
func (d *decoder) decodeDocument(root *node, doc *document) {
	d.decode(root, reflect.ValueOf(doc).Elem(), spot{})
}
