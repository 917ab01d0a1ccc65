package transcript

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

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
