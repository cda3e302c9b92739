// Package chat is what the transports of chat services have in common: webhooks and a bot that lead into rooms, URLs that
// only lead to the service, one POST through the guarded way out, text cut to a limit, and a memory of the rooms that are
// gone.
package chat
