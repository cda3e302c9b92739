//go:build unix

package pgdev

// ways lists how a server may be raised, best first.
func ways() []way {
	return []way{
		{"programs of this machine", startFound},
		{"Debian packages", startPackages},
		{"Docker", startDocker},
	}
}
