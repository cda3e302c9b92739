// Package httpsink is the part that all stand-ins for a provider's HTTP service have in common: it listens on loopback,
// answers as the service says, and keeps what was accepted. What is right and wrong is the service's own.
package httpsink
