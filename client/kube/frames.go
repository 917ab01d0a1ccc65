package kube

import (
	"encoding/binary"
	"net"
)

// wholeFrames writes each SPDY frame in one piece. spdystream writes its head in two pieces and what is in it as a third, and over a websocket each is a message that
// every program on the way to the pod takes up, encrypts and passes on by itself.
type wholeFrames struct {
	net.Conn
	pending []byte // of the frame that isn't whole yet
}

// frameHead is the length of a frame's head, in bytes. The last three say how long the rest is (SPDY 3.1, 2.2).
const frameHead = 8

// Write takes a piece of a frame. It is called by one at a time.
func (w *wholeFrames) Write(p []byte) (int, error) {
	w.pending = append(w.pending, p...)
	done := 0
	for {
		rest := w.pending[done:]
		if len(rest) < frameHead {
			break
		}
		length := frameHead + int(binary.BigEndian.Uint32(rest[frameHead-4:])&0xffffff)
		if len(rest) < length {
			break
		}
		if _, err := w.Conn.Write(rest[:length]); err != nil {
			return 0, err
		}
		done += length
	}
	w.pending = append(w.pending[:0], w.pending[done:]...)
	return len(p), nil
}
