//go:build !unix

package pgdev

// ways is empty: what a server needs so as never to outlive us was only made for Unix. DATABASE_URL works everywhere.
func ways() []way { return nil }
