package transcript

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// FileLimit is the size at which agentd's transcript file is rotated, in bytes.
const FileLimit = 4 << 20

// File is a transcript file that can't grow without end: at its limit it becomes NAME.1, in place of an older one, and a new one begins. It is for
// one writer.
type File struct {
	name  string
	limit int64
	f     *os.File
	size  int64
}

// OpenFile opens the named file for appending, with mode 0600, and makes it if need be.
func OpenFile(name string, limit int64) (*File, error) {
	f := &File{name: name, limit: limit}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) open() error {
	file, err := os.OpenFile(f.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open transcript: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return fmt.Errorf("open transcript: %w", err)
	}
	f.f, f.size = file, info.Size()
	return nil
}

// Write appends p in one piece: a line is never torn between two files if p is whole lines, and two files together never exceed twice the
// limit but for what a single p has over it.
func (f *File) Write(p []byte) (int, error) {
	if f.size > 0 && f.size+int64(len(p)) > f.limit {
		if err := f.rotate(); err != nil {
			return 0, err
		}
	}
	n, err := f.f.Write(p)
	f.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("write transcript: %w", err)
	}
	return n, nil
}

func (f *File) rotate() error {
	if err := os.Rename(f.name, f.name+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("rotate transcript: %w", err)
	}
	old := f.f
	if err := f.open(); err != nil {
		return err
	}
	if err := old.Close(); err != nil {
		return fmt.Errorf("rotate transcript: %w", err)
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// LastLines reads the last lines of the named transcript, at most limit bytes of it, oldest first: for Recorder.Resume and for filling a Log. There
// are none when there is no such file.
func LastLines(name string, limit int64) ([]string, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read transcript: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read transcript: %w", err)
	}
	from := max(0, info.Size()-limit)
	text, err := io.ReadAll(io.NewSectionReader(f, from, limit))
	if err != nil {
		return nil, fmt.Errorf("read transcript: %w", err)
	}
	if from > 0 { // the first line is cut
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	if len(text) == 0 {
		return nil, nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), nil
}
