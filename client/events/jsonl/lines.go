package jsonl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/gascity/agentd/client/events"
)

const (
	// chunk is how much is read at once.
	chunk = 64 << 10
	// maxLine is the longest line that is looked at: the longest event, with its number and its time. Longer ones are no events.
	maxLine = events.MaxEvent + 1<<10
)

// backward calls each with the whole lines in the first size bytes, from the last to the first, until it returns false. start is where a line begins.
// Lines over maxLine are left out.
func backward(f io.ReaderAt, size int64, each func(start int64, line []byte) bool) error {
	var unread []byte // what is known of the line that ends where we are
	ended := false    // whether that line has an end: the last one of a file may be torn
	for pos := size; pos > 0; {
		n := min(chunk, pos)
		pos -= n
		buf := make([]byte, int(n)+len(unread))
		switch got, err := f.ReadAt(buf[:n], pos); {
		case got == int(n):
			copy(buf[n:], unread)
		case errors.Is(err, io.EOF): // a writer has cut off a torn line: what is here now is what counts
			buf, ended = buf[:got], false
		default:
			return fmt.Errorf("read the event log: %w", err)
		}
		for {
			i := bytes.LastIndexByte(buf, '\n')
			if i < 0 {
				break
			}
			if ended && len(buf)-i-1 <= maxLine && !each(pos+int64(i)+1, buf[i+1:]) {
				return nil
			}
			buf, ended = buf[:i], true
		}
		if unread = buf; len(unread) > maxLine {
			unread, ended = nil, false
		}
	}
	if ended {
		each(0, unread)
	}
	return nil
}

// forward calls each with the whole lines between from and to, and gives the place after the last of them. Lines over maxLine come as nil. A line's
// bytes are good until each returns.
func forward(f io.ReaderAt, from, to int64, each func(start, end int64, line []byte) error) (int64, error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, from, to-from), chunk)
	var long []byte // the beginning of a line that is longer than the reader's buffer
	start, end := from, from
	for {
		part, err := r.ReadSlice('\n')
		end += int64(len(part))
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				return start, nil // what is left is a torn line, or nothing
			}
			return start, fmt.Errorf("read the event log: %w", err)
		}
		if err != nil || end-start > int64(len(part)) { // a long line's part
			if end-start <= maxLine+1 {
				long = append(long, part...)
			}
			if err != nil {
				continue
			}
			part = long
		}
		if end-start > maxLine+1 {
			part = nil
		}
		if err := each(start, end, bytes.TrimSuffix(part, []byte("\n"))); err != nil {
			return start, err
		}
		start, long = end, long[:0]
	}
}

// readFull fills buf with what is at offset.
func readFull(f io.ReaderAt, buf []byte, offset int64) error {
	n, err := f.ReadAt(buf, offset)
	if n == len(buf) {
		return nil
	}
	return fmt.Errorf("read the event log: %w", err)
}

// wholeLines gives the place after the last whole line in the first size bytes.
func wholeLines(f io.ReaderAt, size int64) (int64, error) {
	buf := make([]byte, min(chunk, size))
	for pos := size; pos > 0; {
		n := min(chunk, pos)
		pos -= n
		if err := readFull(f, buf[:n], pos); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return pos + int64(i) + 1, nil
		}
	}
	return 0, nil
}
