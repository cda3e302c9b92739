// Package rig puts every transport of the registry before a stand-in of its provider, for tests that go through all of
// them: whatever a provider may do, each stand-in does on demand, and remembers what it was sent.
package rig
