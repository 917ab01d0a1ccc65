package local

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/lockfile"
)

// What an ended session has left in its folder.
const (
	metaFile   = "meta.json"
	exitFile   = "exit.json"
	outputFile = "agent.log"
	ownLogFile = "agentd.log"
	lastScreen = "termination"
)

// whyTail is how much of agentd's log is searched for what went wrong, in bytes.
const whyTail = 16 << 10

// Meta gives the metadata that agentd mirrored.
func (e *endpoint) Meta(context.Context) (map[string]string, error) {
	meta := map[string]string{}
	if err := readJSON(filepath.Join(e.state, metaFile), &meta); err != nil {
		return nil, err
	}
	if meta == nil { // the file holds null
		meta = map[string]string{}
	}
	return meta, nil
}

// ChangeMeta changes what agentd mirrored, one change at a time.
func (e *endpoint) ChangeMeta(ctx context.Context, change func(map[string]string)) error {
	lock, err := lockfile.Wait(ctx, e.backend.lockPath(e.id))
	if err != nil {
		return err
	}
	defer lock.Discard()
	r, ok, err := e.refresh()
	if err != nil {
		return err
	}
	if !ok {
		return wire.Errorf(wire.CodeNoSession, "session %q is gone", e.Record().Name)
	}
	if err := e.awaitLeave(ctx, r); err != nil {
		return err // its agentd might write over it
	}
	meta, err := e.Meta(ctx)
	if err != nil {
		return err
	}
	change(meta)
	return writeJSON(filepath.Join(e.state, metaFile), meta)
}

// awaitLeave waits until agentd, whose session has ended, has left too.
func (e *endpoint) awaitLeave(ctx context.Context, r record) error {
	tick := time.NewTicker(endPoll)
	defer tick.Stop()
	for isAlive(r.PID, r.PIDStart) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("agentd of session %q (process %d) does not leave: %w", r.Name, r.PID, ctx.Err())
		}
	}
	return nil
}

// Exit says how the agent ended, nil when agentd could not write it down.
func (e *endpoint) Exit(context.Context) *wire.Exit {
	var exit wire.Exit
	if err := readJSON(filepath.Join(e.state, exitFile), &exit); err != nil || exit.Time.IsZero() {
		return nil
	}
	return &exit
}

// readJSON decodes a file; one that isn't there leaves v as it is.
func readJSON(name string, v any) error {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// writeJSON replaces a file in one step.
func writeJSON(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	temporary := name + ".new"
	if err := os.WriteFile(temporary, append(b, '\n'), 0o600); err != nil {
		os.Remove(temporary) // half of it helps nobody, least of all on a full disk
		return err
	}
	return os.Rename(temporary, name)
}

// Log writes the last lines of the agent's output.
func (e *endpoint) Log(_ context.Context, tail int, w io.Writer) error {
	f, err := os.Open(filepath.Join(e.state, outputFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	from, err := tailOffset(f, tail)
	if err != nil {
		return err
	}
	if _, err := f.Seek(from, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

// tailOffset is where the last lines begin.
func tailOffset(f *os.File, lines int) (int64, error) {
	if lines < 0 {
		return 0, nil
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil || lines == 0 {
		return end, err
	}
	buf := make([]byte, 32<<10)
	for at := end; at > 0; {
		n := min(int64(len(buf)), at)
		at -= n
		if _, err := f.ReadAt(buf[:n], at); err != nil {
			return 0, err
		}
		for i := n - 1; i >= 0; i-- {
			if buf[i] != '\n' || at+i == end-1 {
				continue
			}
			if lines--; lines == 0 {
				return at + i + 1, nil
			}
		}
	}
	return 0, nil
}

// Why gives the last error in agentd's log, or else its last line.
func (e *endpoint) Why(context.Context) string {
	f, err := os.Open(filepath.Join(e.state, ownLogFile))
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > whyTail {
		// A line cut at the front is no JSON and so is passed over, unless it is the only one.
		_, _ = f.Seek(-whyTail, io.SeekEnd)
	}
	why, last := "", ""
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, whyTail)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		text, isError := readLogLine(line)
		last = text
		if isError {
			why = text
		}
	}
	if why == "" {
		why = last
	}
	return why
}

// readLogLine makes one line of text of one of agentd's log, and says whether it tells of an error: a slog record of that level, or the head of a crash.
func readLogLine(line []byte) (text string, isError bool) {
	var r struct {
		Level string `json:"level"`
		Msg   string `json:"msg"`
		Error string `json:"error"`
	}
	if json.Unmarshal(line, &r) != nil || r.Msg == "" {
		s := string(line)
		return s, strings.HasPrefix(s, "panic:") || strings.HasPrefix(s, "fatal error:")
	}
	if r.Error != "" {
		r.Msg += ": " + r.Error
	}
	return r.Msg, r.Level == "ERROR"
}
