package nudge

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

func TestAStoreGivesBackWhatItWasGiven(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "nudges")
	s := store{dir: dir}
	texts := map[uint64]string{7: "no key", 12: "two\nlines\n", 1795478400000000123: strings.Repeat("long ", 10_000)}
	keys := map[uint64]string{7: "", 12: "quo\"ted\nkey", 1795478400000000123: "key"}
	for id, text := range texts {
		if err := s.put(id, keys[id], []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.finish(3, outcome{Key: "done"}, nil); err != nil {
		t.Error(err)
	}
	if err := s.finish(4, outcome{Key: "failed", Error: wire.Errorf(wire.CodeFailed, "why")}, nil); err != nil {
		t.Error(err)
	}
	next := store{dir: dir}
	k, err := next.load()
	if err != nil {
		t.Error(err)
	}
	var want []message
	for _, id := range []uint64{7, 12, 1795478400000000123} {
		want = append(want, message{id, keys[id], len(texts[id])})
		if text, err := next.text(id); string(text) != texts[id] {
			t.Errorf("text %d: %.50q, %v", id, text, err)
		}
	}
	if !reflect.DeepEqual(k.messages, want) {
		t.Errorf("kept %+v, want %+v", k.messages, want)
	}
	if len(k.done) != 2 || k.done[0].Key != "done" || k.done[0].Error != nil || k.done[1].Key != "failed" || k.done[1].Error.Text != "why" {
		t.Errorf("done: %+v", k.done)
	}
}

func TestTheFilesOfAStoreAreItsOwnersAlone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "nudges")
	s := store{dir: dir}
	if err := s.put(1, "k", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := s.finish(2, outcome{Key: "k2"}, nil); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// What a crash leaves: a message that was being written, and one whose key was noted just before its file should have gone.
func TestWhatACrashLeavesHalfDoneIsClearedAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store{dir: dir}
	for id, key := range map[uint64]string{1: "noted", 2: "waiting"} {
		if err := s.put(id, key, []byte("text")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.note(outcome{Key: "noted"}, nil); err != nil {
		t.Fatal(err)
	}
	write(t, dir, newName+"123", "half")
	f, err := os.OpenFile(filepath.Join(dir, doneName), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(`{"key":"cut o`)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.load()
	if err != nil || len(k.messages) != 1 || k.messages[0].id != 2 || len(k.done) != 1 {
		t.Errorf("kept %+v, %v", k, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func TestAFileThatIsNoMessageIsSaidAndKeepsNothingElseBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store{dir: dir}
	name := filepath.Base(s.path(1))
	write(t, dir, name, "no key here")
	if err := s.put(2, "k", []byte("text")); err != nil {
		t.Fatal(err)
	}
	k, err := s.load()
	if err == nil || !strings.Contains(err.Error(), name) || len(k.messages) != 1 {
		t.Errorf("kept %+v, %v", k, err)
	}
}

func TestTheDoneKeysStayFew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := store{dir: dir}
	var done []outcome
	for i := range 5 * Remembered {
		o := outcome{Key: fmt.Sprint(i)}
		done = append(done, o)
		done = done[max(0, len(done)-Remembered):]
		if err := s.finish(uint64(i), o, done); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, doneName))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte("\n")); n > 2*Remembered {
		t.Errorf("%d lines", n)
	}
	if got := parseDone(text); !reflect.DeepEqual(got, done) {
		t.Errorf("%d keys are remembered, from %v on; want %d from %v on", len(got), got[0], len(done), done[0])
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func FuzzParseMessage(f *testing.F) {
	f.Add("key", []byte("text"))
	f.Add("", []byte{})
	f.Add("\"\n\xff", []byte("\n\x00\xff"))
	f.Fuzz(func(t *testing.T, key string, text []byte) {
		gotKey, rest, err := parseMessage(strings.NewReader(strconv.Quote(key) + "\n" + string(text)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(rest); err != nil || gotKey != key || !bytes.Equal(got, text) {
			t.Errorf("%q, %q became %q, %q, %v", key, text, gotKey, got, err)
		}
		// Any other file is a message or an error.
		if _, rest, err := parseMessage(bytes.NewReader(text)); err == nil && rest == nil {
			t.Error("neither text nor error")
		}
	})
}

func FuzzParseDone(f *testing.F) {
	f.Add([]byte("{\"key\":\"a\"}\n{\"key\":\"b\",\"error\":{\"code\":\"failed\",\"text\":\"why\"}}\n{\"ke"))
	f.Fuzz(func(t *testing.T, text []byte) {
		done := parseDone(text)
		if again := parseDone(doneLines(done...)); len(done) > Remembered || !reflect.DeepEqual(again, done) {
			t.Errorf("%+v became %+v", done, again)
		}
	})
}

func FuzzParseMark(f *testing.F) {
	f.Add("1795478400000000123 5 1")
	f.Add("-1 0 0")
	f.Fuzz(func(t *testing.T, text string) {
		m := parseMark(text)
		if m.typed < 0 || m.enters < 0 || parseMark(m.String()) != m {
			t.Errorf("%q became %+v", text, m)
		}
	})
}
