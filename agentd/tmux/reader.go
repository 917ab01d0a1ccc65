package tmux

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// readBuffer holds any line of output that tmux sends at once (it sends panes' output in pieces of at most 8 KiB, of four bytes each when escaped).
	readBuffer = 64 << 10
	// maxNotification bounds a notification that doesn't fit the buffer; the rest of its line is dropped.
	maxNotification = 1 << 20
	// maxReply bounds what one command may print: all of a scrollback of 10,000 lines with 1,000 columns of emoji is less.
	maxReply = 64 << 20
)

// protocol splits the connection into blocks (what commands printed) and notifications.
type protocol struct {
	r *bufio.Reader
	// block is called at the end of each block. The body is the callee's to keep; failed is %error's.
	block func(g guard, body []byte, failed bool) error
	// notify is called with each line outside of blocks; the line is valid during the call.
	notify func(line []byte) error

	long []byte // a line too long for r's buffer
}

// read runs until the connection ends (io.EOF), breaks the protocol, or a callback fails.
func (p *protocol) read() error {
	for {
		line, err := p.line(maxNotification)
		if err != nil {
			return err
		}
		if g, ok := parseGuard(line, "%begin"); ok {
			if err := p.readBlock(g); err != nil {
				return err
			}
			continue
		}
		if bytes.HasPrefix(line, []byte("%end ")) || bytes.HasPrefix(line, []byte("%error ")) {
			return fmt.Errorf("%q outside of a block", line)
		}
		if err := p.notify(line); err != nil {
			return err
		}
	}
}

// readBlock reads a block's body. Lines that look like the end of another block are part of it.
func (p *protocol) readBlock(begin guard) error {
	var body []byte
	for {
		line, err := p.line(maxReply)
		if err != nil {
			return err
		}
		if len(line) > 0 && line[0] == '%' {
			if g, ok := parseGuard(line, "%end"); ok && g == begin {
				return p.block(begin, body, false)
			}
			if g, ok := parseGuard(line, "%error"); ok && g == begin {
				return p.block(begin, body, true)
			}
		}
		if len(body)+len(line) >= maxReply {
			return fmt.Errorf("a reply of over %d bytes", maxReply)
		}
		body = append(append(body, line...), '\n')
	}
}

// line reads one line, without its newline, cut to limit bytes. It is valid until the next call.
func (p *protocol) line(limit int) ([]byte, error) {
	line, err := p.r.ReadSlice('\n')
	if err == nil {
		return line[:len(line)-1], nil
	}
	if !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	p.long = append(p.long[:0], line...)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = p.r.ReadSlice('\n')
		p.long = append(p.long, line[:min(len(line), max(0, limit+1-len(p.long)))]...)
	}
	if err != nil {
		return nil, err
	}
	line = bytes.TrimSuffix(p.long, []byte{'\n'})
	if cap(p.long) > maxNotification {
		p.long = nil // not worth keeping for the next
	}
	return line, nil
}

func newProtocol(r io.Reader) *protocol { return &protocol{r: bufio.NewReaderSize(r, readBuffer)} }
