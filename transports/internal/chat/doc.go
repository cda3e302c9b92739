// Package chat is what the transports of chat services have in common: webhooks and a bot that lead into rooms, text cut
// to a limit, threads, and a memory of the rooms that are gone.
package chat
