package email

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// maxReply is how much a server may say in one stage; a TLS handshake with a long chain of certificates fits.
const maxReply = 256 << 10

var errTalkative = errors.New("the server's reply is too long")

// socket is the TCP connection below everything else. It keeps the deadlines: one for all reading of a stage, since
// a reply that trickles must not go on for ever, and a rolling one for writing, since a long message may take its time.
type socket struct {
	net.Conn
	block       time.Duration // how long the server may take to accept one block of data
	budget      atomic.Int64
	writeFailed atomic.Bool
}

// begin starts a stage whose replies are due within wait.
func (s *socket) begin(wait time.Duration) {
	s.budget.Store(maxReply)
	// It fails on a closed socket only, and then so does the next read.
	_ = s.SetReadDeadline(time.Now().Add(wait))
}

// Read counts what the server says.
func (s *socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if s.budget.Add(-int64(n)) < 0 {
		return n, errTalkative
	}
	return n, err
}

// Write remembers a failure: bytes that the kernel did not take were never sent.
func (s *socket) Write(p []byte) (int, error) {
	_ = s.SetWriteDeadline(time.Now().Add(s.block))
	n, err := s.Conn.Write(p)
	if err != nil {
		s.writeFailed.Store(true)
	}
	return n, err
}
