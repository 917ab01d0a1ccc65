package jsonl

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gascity/agentd/client/events"
)

func TestRecordKeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	given := "{\"ts\":\"2026-03-04T05:06:07+01:00\",\n \"type\":\"a\", \"payload\":{\"n\":1.0}}"
	if _, err := l.Record(t.Context(), events.Record{Event: []byte(given)}); err != nil {
		t.Fatal(err)
	}
	add(t, l, "b", 1)
	want := `{"seq":1,"ts":"2026-03-04T05:06:07+01:00",  "type":"a", "payload":{"n":1.0}}
{"seq":2,"ts":"2026-03-04T05:06:07Z","type":"b","actor":"x","message":"1"}
`
	if got := read(t, l); got != want {
		t.Errorf("stored\n%swant\n%s", got, want)
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	if got := list(t, l, events.Filter{}, 0); len(got) != 0 {
		t.Errorf("an empty log lists %v", got)
	}
	var text strings.Builder
	for i := range 2000 { // several chunks
		r := record([]string{"a", "b"}[i%2], strings.Repeat("x", i%200))
		fmt.Fprintf(&text, "%s\n", events.Number(r.Event, uint64(i)+1))
	}
	write(t, l, text.String())
	for _, tt := range []struct {
		filter events.Filter
		limit  int
		want   []uint64
	}{
		{events.Filter{}, 0, upTo(1, 2000)},
		{events.Filter{}, 3, upTo(1998, 2000)},
		{events.Filter{AfterSeq: 1998}, 0, upTo(1999, 2000)},
		{events.Filter{AfterSeq: 1990}, 3, upTo(1998, 2000)},
		{events.Filter{AfterSeq: 2000}, 0, upTo(1, 0)},
		{events.Filter{AfterSeq: 9000}, 0, upTo(1, 0)},
		{events.Filter{Type: "a", AfterSeq: 1996}, 0, []uint64{1997, 1999}},
		{events.Filter{Type: "a"}, 2, []uint64{1997, 1999}},
		{events.Filter{Type: "A"}, 2, []uint64{}},
		{events.Filter{Since: time.Date(2026, 3, 4, 5, 6, 8, 0, time.UTC)}, 0, []uint64{}},
		{events.Filter{Since: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, 1, []uint64{2000}},
	} {
		if got := list(t, l, tt.filter, tt.limit); !slices.Equal(got, tt.want) {
			t.Errorf("%+v, %d: %v", tt.filter, tt.limit, got)
		}
	}
	if seq, err := l.Latest(t.Context()); seq != 2000 || err != nil {
		t.Errorf("latest is %d, %v", seq, err)
	}
}

func TestATornLastLineIsRepaired(t *testing.T) {
	t.Parallel()
	const one = `{"seq":1,"type":"a"}`
	long := `{"seq":2,"message":"` + strings.Repeat("x", 3*chunk)
	for name, tt := range map[string]struct{ text, seen, after string }{
		"cut":                   {one + "\n" + `{"seq":2,"type":"b`, "[1]", one + "\n" + `{"seq":2,` + rest},
		"cut, long":             {one + "\n" + long, "[1]", one + "\n" + `{"seq":2,` + rest},
		"cut, the first":        {`{"seq":1`, "[]", `{"seq":1,` + rest},
		"whole but for its end": {one + "\n" + `{"seq":2}`, "[1]", one + "\n" + `{"seq":2}` + "\n" + `{"seq":3,` + rest},
		"whole, the first":      {one, "[]", one + "\n" + `{"seq":2,` + rest},
		"zeros":                 {one + "\n\x00\x00\x00\x00", "[1]", one + "\n" + `{"seq":2,` + rest},
		"no event":              {one + "\nnull", "[1]", one + "\n" + `{"seq":2,` + rest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := logIn(t)
			write(t, l, tt.text)
			if got := fmt.Sprint(list(t, l, events.Filter{}, 0)); got != tt.seen {
				t.Errorf("readers see %s, want %s", got, tt.seen)
			}
			add(t, l, "z", 1)
			if got := read(t, l); got != tt.after {
				t.Errorf("became %.200q, want %.200q", got, tt.after)
			}
		})
	}
}

const rest = `"ts":"2026-03-04T05:06:07Z","type":"z","actor":"x","message":"1"}` + "\n"

func TestLinesThatAreNoEventsHideNoOthers(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	write(t, l, "{\"seq\":1}\n\nhello\n{\"seq\":\"2\"}\n[]\n{\"seq\":3}\r\n"+strings.Repeat("y", 2*maxLine)+"\n{\"seq\":5,\"type\":7}\nbye\n")
	if got := list(t, l, events.Filter{}, 0); !slices.Equal(got, []uint64{1, 3, 5}) {
		t.Errorf("listed %v", got)
	}
	if seq := add(t, l, "a", 1); seq != 6 {
		t.Errorf("the next number is %d", seq)
	}
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"my notes\n", "my notes", "\n", `[{"seq":1}]` + "\n"} {
		l := logIn(t)
		write(t, l, text)
		if _, err := l.Record(t.Context(), record("a", 1)); err == nil || !strings.Contains(err.Error(), "is no event log") {
			t.Errorf("%q: %v", text, err)
		}
		if n, err := l.Prune(t.Context(), events.Prune{}); n != 0 || err != nil {
			t.Errorf("pruned %d, %v", n, err)
		}
		if got := read(t, l); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	dir := Open(t.TempDir())
	if _, err := dir.Record(t.Context(), record("a", 1)); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("recorded in a folder: %v", err)
	}
	if _, err := dir.List(t.Context(), events.Filter{}, 0); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("listed a folder: %v", err)
	}
}

func TestAFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := Open(filepath.Join(file, "events.jsonl"))
	for what, err := range map[string]error{"ensure": l.Ensure(t.Context()), "record": second(l.Record(t.Context(), record("a", 1))), "latest": second(l.Latest(t.Context()))} {
		if err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAFullDiskLeavesNoHalfLine(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	add(t, l, "a", strings.Repeat("x", 600))
	before := read(t, l)
	out, err := start(t, "small=2000", l).Output()
	if err != nil || !strings.Contains(string(out), "file too large") {
		t.Fatalf("%s, %v", out, err)
	}
	if got := read(t, l); got != before {
		t.Errorf("%d bytes became %d", len(before), len(got))
	}
}

func TestManyProcessesWriteAtOnce(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	const writers, each = 8, 50
	var all sync.WaitGroup
	acknowledged := make([][]string, writers)
	for i := range writers {
		cmd := start(t, "write="+strconv.Itoa(each), l)
		all.Go(func() {
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			acknowledged[i] = strings.Fields(string(out))
		})
	}
	all.Wait()
	var seqs []uint64
	for _, a := range acknowledged {
		for _, word := range a {
			n, err := strconv.ParseUint(word, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			seqs = append(seqs, n)
		}
	}
	slices.Sort(seqs)
	if !slices.Equal(seqs, upTo(1, writers*each)) {
		t.Errorf("acknowledged %v", seqs)
	}
	if got := list(t, l, events.Filter{}, 0); !slices.Equal(got, upTo(1, writers*each)) {
		t.Errorf("stored %v", got)
	}
}

func TestKilledWritersLoseNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	acknowledged := map[string]bool{}
	for round := range 10 {
		cmd := start(t, "write=0", l)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if acknowledged[lines.Text()] {
				t.Errorf("number %s was given twice", lines.Text())
			}
			acknowledged[lines.Text()] = true
			if n == 3+round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
	}
	for _, seq := range list(t, l, events.Filter{}, 0) {
		delete(acknowledged, strconv.FormatUint(seq, 10))
	}
	if len(acknowledged) > 0 {
		t.Errorf("lost %v", acknowledged)
	}
}

func TestAWriterKilledInTheMiddleOfALineHoldsUpNobody(t *testing.T) {
	t.Parallel()
	l := logIn(t)
	add(t, l, "a", 1)
	add(t, l, "a", 2)
	cmd := start(t, "hold", l)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held <nil>\n" {
		t.Fatal(line, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := l.Record(short, record("a", 0)); err == nil || !strings.Contains(err.Error(), "another process holds it") {
		t.Errorf("recorded in a locked log: %v", err)
	}
	if got := list(t, l, events.Filter{}, 0); !slices.Equal(got, upTo(1, 2)) {
		t.Errorf("readers see %v", got)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if seq := add(t, l, "a", 3); seq != 3 {
		t.Errorf("the next number is %d", seq)
	}
	if got := list(t, l, events.Filter{}, 0); !slices.Equal(got, upTo(1, 3)) || strings.Contains(read(t, l), `"to`) {
		t.Errorf("listed %v", got)
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{"/a/b": "/a/b", "b": `GC_EVENTS_FILE is "b": it must be an absolute path`} {
		got, err := Path(func(string) string { return given })
		if got != want && (err == nil || err.Error() != want) {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
}

func FuzzReaders(f *testing.F) {
	for _, seed := range []string{"", "{\"seq\":1}\n{\"seq\":2}\n", "\n\n{\"seq\":7}\nx", "{\"seq\":1}\n\xff\n{\"seq\":2", "{\"seq\":1e400}\n{\"seq\":18446744073709551615}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l := Open(filepath.Join(t.TempDir(), "events.jsonl"))
		write(t, l, string(text))
		var want []uint64
		if whole := text[:strings.LastIndexByte(string(text), '\n')+1]; len(whole) > 0 {
			for line := range strings.SplitSeq(string(whole), "\n") {
				if e, ok := parse([]byte(line)); ok {
					want = append(want, e.Seq)
				}
			}
		}
		if got := list(t, l, events.Filter{}, 0); !slices.Equal(got, want) {
			t.Fatalf("listed %v, want %v", got, want)
		}
		recorded, err := l.Record(t.Context(), record("a", 1))
		if err != nil {
			if read(t, l) != string(text) {
				t.Fatal("a record that failed has changed the file")
			}
			return
		}
		if got := list(t, l, events.Filter{}, 1); !slices.Equal(got, []uint64{recorded.Seq}) {
			t.Fatalf("recorded %d, and then the last is %v", recorded.Seq, got)
		}
	})
}
