package agentd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/gascity/agentd/agentd/transcript"
)

// maxOutputFile is where an output file is rotated, in bytes. With the one old file that is kept, a session's log takes at most twice that.
const maxOutputFile = 4 << 20

// outputFile is a log file that can't grow without end: at limit it becomes PATH.1, in place of an older PATH.1, and a new file begins.
// Writes are whole lines, which are never cut.
type outputFile struct {
	path  string
	limit int64

	mu   sync.Mutex
	file *os.File
	size int64
}

// openOutputFile opens a log file to append to.
func openOutputFile(path string, limit int64) (*outputFile, error) {
	o := &outputFile{path: path, limit: limit}
	if err := o.open(); err != nil {
		return nil, fmt.Errorf("open the output file: %w", err)
	}
	return o, nil
}

func (o *outputFile) open() error {
	f, err := os.OpenFile(o.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	o.file, o.size = f, info.Size()
	return nil
}

// Write appends lines.
func (o *outputFile) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.size > 0 && o.size+int64(len(p)) > o.limit {
		if err := o.rotate(); err != nil {
			return 0, fmt.Errorf("rotate the output file: %w", err)
		}
	}
	n, err := o.file.Write(p)
	o.size += int64(n)
	return n, err
}

func (o *outputFile) rotate() error {
	if err := os.Rename(o.path, o.path+".1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	old := o.file
	if err := o.open(); err != nil {
		return err // the old file stays open: the next write tries again
	}
	return old.Close()
}

// maxLogged is how much of the file's end lastLines reads, in bytes: as much as the session keeps of its output.
const maxLogged = transcript.KeptBytes

// lastLines gives the last lines of the file, oldest first.
func (o *outputFile) lastLines() ([]string, error) {
	f, err := os.Open(o.path)
	if err != nil {
		return nil, fmt.Errorf("read the output file: %w", err)
	}
	defer f.Close()
	from := max(0, o.size-maxLogged)
	text, err := io.ReadAll(io.NewSectionReader(f, from, maxLogged))
	if err != nil {
		return nil, fmt.Errorf("read the output file: %w", err)
	}
	lines := strings.Split(string(text), "\n")
	if from > 0 {
		lines = lines[1:] // the first is cut
	}
	return lines[:max(0, len(lines)-1)], nil // nothing follows the last newline
}

// Close closes the file.
func (o *outputFile) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.file.Close()
}
