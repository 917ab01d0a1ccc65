package nudge

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
)

// store keeps a queue in a folder, for the process that comes after this one:
//
//   - a file for each message whose end isn't known, named by its number in digits of one width, so that names sort as the messages came. Its first line is the
//     quoted key, the rest the text. It appears whole, by a rename, and goes when the message is done with.
//   - the file "done", with a line of JSON (outcome) for each key that is done. A key is noted there before its message's file goes.
//
// The store is there for crashes of this process, not of the machine, which the agent doesn't outlive either: nothing is synced. Methods are called with the
// queue's lock held, except text.
type store struct {
	dir   string
	lines int // in the file "done"
}

// outcome is a line of the file "done".
type outcome struct {
	Key   string      `json:"key"`
	Error *wire.Error `json:"error,omitempty"`
}

// kept is what a store holds, oldest first.
type kept struct {
	messages []message
	done     []outcome // at most Remembered
}

// message is what is known of a stored message without its text.
type message struct {
	id   uint64
	key  string
	size int
}

const (
	doneName = "done"
	newName  = ".new-" // and more
	idDigits = 20
)

func (s *store) path(id uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%0*d", idDigits, id))
}

// put keeps a message.
func (s *store) put(id uint64, key string, text []byte) error {
	return s.replace(s.path(id), append([]byte(strconv.Quote(key)+"\n"), text...))
}

// replace writes a file whole or not at all.
func (s *store) replace(path string, content []byte) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, newName+"*") // made with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// text gives a message's text.
func (s *store) text(id uint64) ([]byte, error) {
	f, err := os.Open(s.path(id))
	if err != nil {
		return nil, fmt.Errorf("read the message: %w", err)
	}
	defer f.Close()
	_, text, err := parseMessage(f)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(text)
	if err != nil {
		return nil, fmt.Errorf("read the message: %w", err)
	}
	return b, nil
}

// parseMessage reads the key of a message's file; text is what follows.
func parseMessage(file io.Reader) (key string, text io.Reader, err error) {
	r := bufio.NewReader(file)
	line, err := r.ReadString('\n')
	if err != nil {
		return "", nil, fmt.Errorf("read the message's key: %w", err)
	}
	if key, err = strconv.Unquote(strings.TrimSuffix(line, "\n")); err != nil {
		return "", nil, fmt.Errorf("read the message's key %q: %w", line, err)
	}
	return key, r, nil
}

// remove forgets a message.
func (s *store) remove(id uint64) error {
	if err := os.Remove(s.path(id)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// finish notes what became of a message, whose key may be empty, and forgets its text. done is all that is remembered, o included.
func (s *store) finish(id uint64, o outcome, done []outcome) error {
	var err error
	if o.Key != "" {
		err = s.note(o, done)
	}
	return errors.Join(err, s.remove(id))
}

// note adds a line to the file "done", which is written anew when it has got long.
func (s *store) note(o outcome, done []outcome) error {
	if s.lines >= 2*Remembered {
		return s.rewrite(done)
	}
	f, err := os.OpenFile(filepath.Join(s.dir, doneName), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	s.lines++
	_, err = f.Write(doneLines(o))
	return errors.Join(err, f.Close())
}

func (s *store) rewrite(done []outcome) error {
	s.lines = len(done)
	return s.replace(filepath.Join(s.dir, doneName), doneLines(done...))
}

func doneLines(done ...outcome) []byte {
	var b bytes.Buffer
	for _, o := range done {
		line, _ := json.Marshal(o) // strings can't fail
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// parseDone reads the file "done". Lines that are none, as a last one that was cut off, say nothing.
func parseDone(text []byte) (done []outcome) {
	for line := range bytes.Lines(text) {
		var o outcome
		if json.Unmarshal(line, &o) == nil && o.Key != "" {
			done = append(done, o)
		}
	}
	return done[max(0, len(done)-Remembered):]
}

// load gives what an earlier process kept, and clears away what is of no use. An error tells of what could not be read; the rest is given all the same.
func (s *store) load() (kept, error) {
	var k kept
	text, err := os.ReadFile(filepath.Join(s.dir, doneName))
	if err == nil {
		k.done = parseDone(text)
		err = s.rewrite(k.done)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	known := map[string]bool{}
	for _, o := range k.done {
		known[o.Key] = true
	}
	entries, listErr := os.ReadDir(s.dir) // sorted by name
	if !errors.Is(listErr, fs.ErrNotExist) {
		err = errors.Join(err, listErr)
	}
	for _, e := range entries {
		if e.Name() == doneName {
			continue
		}
		m, readErr := s.entry(e)
		switch {
		case readErr == nil && !known[m.key]:
			k.messages = append(k.messages, m)
			continue
		case readErr != nil && !strings.HasPrefix(e.Name(), newName): // that one was never accepted
			err = errors.Join(err, fmt.Errorf("%s: %w", e.Name(), readErr))
		}
		err = errors.Join(err, os.Remove(filepath.Join(s.dir, e.Name())))
	}
	return k, err
}

// entry reads what is to be known of one message.
func (s *store) entry(e fs.DirEntry) (m message, err error) {
	if m.id, err = strconv.ParseUint(e.Name(), 10, 64); err != nil || len(e.Name()) != idDigits {
		return m, errors.New("no message")
	}
	f, err := os.Open(s.path(m.id))
	if err != nil {
		return m, err
	}
	defer f.Close()
	var text io.Reader
	if m.key, text, err = parseMessage(f); err != nil {
		return m, err
	}
	n, err := io.Copy(io.Discard, text)
	m.size = int(n)
	return m, err
}

// clear forgets everything. It gives the number of messages that were kept.
func (s *store) clear() (messages int, err error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		if len(e.Name()) == idDigits {
			messages++
		}
	}
	s.lines = 0
	return messages, errors.Join(err, os.RemoveAll(s.dir))
}
