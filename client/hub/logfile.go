package hub

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
)

// maxLog bounds the hub's log, in bytes. When it is reached the older half goes.
const maxLog = 1 << 20

// logFile is the hub's log: one file, bounded. It is cut in place, since the process's stderr goes to it too, so that a crash is
// found there.
type logFile struct {
	limit int64

	mu   sync.Mutex
	file *os.File
}

func openLog(path string, limit int64) (*logFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the hub's log: %w", err)
	}
	return &logFile{limit: limit, file: f}, nil
}

// Write appends whole lines.
func (l *logFile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if info, err := l.file.Stat(); err == nil && info.Size()+int64(len(p)) > l.limit {
		if err := l.halve(info.Size()); err != nil {
			return 0, err
		}
	}
	return l.file.Write(p)
}

// halve keeps the later half, from the start of a line.
func (l *logFile) halve(size int64) error {
	keep := make([]byte, min(size, l.limit/2))
	n, err := l.file.ReadAt(keep, size-int64(len(keep)))
	if err != nil && err != io.EOF {
		return fmt.Errorf("cut the hub's log: %w", err)
	}
	keep = keep[:n]
	if i := bytes.IndexByte(keep, '\n'); i >= 0 {
		keep = keep[i+1:]
	}
	if err := l.file.Truncate(0); err != nil {
		return fmt.Errorf("cut the hub's log: %w", err)
	}
	_, err = l.file.Write(keep)
	return err
}

// Close closes the file.
func (l *logFile) Close() error { return l.file.Close() }
