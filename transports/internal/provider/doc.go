// Package provider is what transports of services over HTTP share: reading their URLs, one request through the guarded
// way out, and what became of it.
package provider
