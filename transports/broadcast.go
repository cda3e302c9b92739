package transports

// Broadcast is the name of the broadcast transport.
const Broadcast = "broadcast"

// BroadcastOptions are the options of a broadcast channel.
type BroadcastOptions struct {
	// Topic is what listeners choose by. Defaults to the address of the fixed audience, else to the event's full name.
	Topic string `yaml:"topic" template:"true" doc:"what listeners choose by, such as 'person/{{ user_id }}'; without one the address of the fixed audience, else the event's name"`
	// Payload is a few short words that go along. Whoever needs more reads it by the ids.
	Payload map[string]string `yaml:"payload" template:"true" doc:"a few short words that go along; the whole signal has less than 8,000 bytes"`
}

// BroadcastSpec is the spec of the broadcast transport.
func BroadcastSpec() Spec {
	return Spec{
		Name: Broadcast, Doc: "a signal to whoever listens to a topic: ids and a few words", Once: true, Options: BroadcastOptions{},
		InDatabase: true,
	}
}
