package transports

// Retry names what a message is worth, which decides how long and how often its send is tried again. The numbers
// behind the names are in package dispatch/flow.
type Retry string

// The kinds of retrying. A channel or event declares one; otherwise the transport's [Spec] names it, else bulk
// priority means [RetryBulk] and every other one [RetryTransactional].
const (
	// RetryCode is for what is worthless in minutes, such as one-time codes and login links.
	RetryCode Retry = "code"
	// RetryTransactional is for what somebody waits for, today or tomorrow.
	RetryTransactional Retry = "transactional"
	// RetryBulk is for newsletters and the like: patient, and sparing of the provider.
	RetryBulk Retry = "bulk"
	// RetryWebhook is for programs that listen: few tries, further and further apart, over three days.
	RetryWebhook Retry = "webhook"
	// RetryChat is for rooms in which old news is noise.
	RetryChat Retry = "chat"
	// RetryPush is for what lights up a screen: worth something for a day.
	RetryPush Retry = "push"
)

// Retries lists them.
func Retries() []Retry {
	return []Retry{RetryCode, RetryTransactional, RetryBulk, RetryWebhook, RetryChat, RetryPush}
}
