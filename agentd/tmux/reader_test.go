package tmux

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// transcript reads input and notes what the protocol reported.
func transcript(input io.Reader) (notes []string, err error) {
	p := newProtocol(input)
	p.block = func(g guard, body []byte, failed bool) error {
		notes = append(notes, fmt.Sprintf("block %d %v %q", g.number, failed, body))
		return nil
	}
	p.notify = func(line []byte) error {
		notes = append(notes, fmt.Sprintf("notify %q", line))
		return nil
	}
	return notes, p.read()
}

func TestReaderSplitsBlocksAndNotifications(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     []string
		broken   bool
	}{
		{"an empty block", "%begin 1 2 1\n%end 1 2 1\n", []string{`block 2 false ""`}, false},
		{"a refusal", "%begin 1 2 1\nno\n%error 1 2 1\n", []string{`block 2 true "no\n"`}, false},
		{"another block's end is data", "%begin 1 2 1\n%end 1 3 1\n%end 1 2 0\n%end 1 2 1 \n%end 1 2 1\n", []string{`block 2 false "%end 1 3 1\n%end 1 2 0\n%end 1 2 1 \n"`}, false},
		{"a notification between blocks", "%x\n%begin 1 2 1\n%y\n%end 1 2 1\nz\n", []string{`notify "%x"`, `block 2 false "%y\n"`, `notify "z"`}, false},
		{"an end without its begin", "%end 1 2 1\n", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := transcript(strings.NewReader(tt.in))
			if strings.Join(got, "|") != strings.Join(tt.want, "|") || errors.Is(err, io.EOF) == tt.broken {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestALongLineIsKeptInAReplyAndCutInANotification(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3*maxNotification)
	got, _ := transcript(strings.NewReader(long + "\n%begin 1 2 1\n" + long + "\n%end 1 2 1\n"))
	if len(got) != 2 || len(got[0]) > maxNotification+20 || got[1] != fmt.Sprintf("block 2 false %q", long+"\n") {
		t.Errorf("got %d notes of lengths %d, %d", len(got), len(got[0]), len(got[1]))
	}
}

func TestParseEvent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		want Event
		ok   bool
	}{
		{`%output %3 a\015\012`, Event{Kind: Output, Pane: 3, Bytes: 9}, true},
		{`%output %3 `, Event{Kind: Output, Pane: 3}, true},
		{`%extended-output %0 12 : a : b`, Event{Kind: Output, Bytes: 5}, true},
		{`%extended-output %0 12 new : a`, Event{Kind: Output, Bytes: 1}, true},
		{`%pause %7`, Event{Kind: Paused, Pane: 7}, true},
		{`%continue %7`, Event{Kind: Continued, Pane: 7}, true},
		{`%layout-change @0 x`, Event{Kind: LayoutChanged}, true},
		{`%session-renamed $0 a b`, Event{Kind: SessionsChanged}, true},
		{`%window-close @4`, Event{Kind: SessionsChanged}, true},
		{`%output 3 x`, Event{}, false},
		{`%output %99999999999 x`, Event{}, false},
		{`%pause`, Event{}, false},
		{`%unheard-of x`, Event{}, false},
		{``, Event{}, false},
	} {
		got, ok := parseEvent([]byte(tt.in))
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%q: got %+v, %v", tt.in, got, ok)
		}
	}
}

func FuzzReaderNeverPanicsAndLosesNoLine(f *testing.F) {
	f.Add([]byte("%begin 1 2 1\nx\n%end 1 2 1\n%output %0 a\\015\n%exit\n"))
	f.Add([]byte("%begin 1 2 1\n%begin 1 2 1\n%error 1 2 1\n%extended-output %0 : x\n%session-renamed $1\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole := newProtocol(bytes.NewReader(in))
		var lines int
		whole.block = func(_ guard, body []byte, _ bool) error { lines += 2 + bytes.Count(body, []byte{'\n'}); return nil }
		whole.notify = func(line []byte) error {
			lines++
			if e, ok := parseEvent(line); ok && (e.Kind == 0 || e.Pane < 0 || e.Bytes > len(line)) {
				t.Errorf("%q became %+v", line, e)
			}
			return nil
		}
		err := whole.read()
		if err == nil || lines > bytes.Count(in, []byte{'\n'}) {
			t.Errorf("%d lines out of %q, %v", lines, in, err)
		}
	})
}

func TestAFloodMakesNoGarbage(t *testing.T) {
	line := append([]byte(`%extended-output %0 0 : `), bytes.Repeat([]byte(`\033[31mword\033[0m `), 400)...)
	line = append(line, '\n')
	flood := &repeat{line: line, left: 100 << 20 / len(line)}
	p := newProtocol(flood)
	var printed int
	p.notify = func(line []byte) error {
		e, _ := parseEvent(line)
		printed += e.Bytes
		return nil
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := p.read(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 || printed < 90<<20 {
		t.Errorf("100 MiB allocated %d bytes, %d bytes of output came out", grown, printed)
	}
}

// repeat gives a line over and over.
type repeat struct {
	line     []byte
	at, left int
}

func (r *repeat) Read(p []byte) (n int, err error) {
	for n < len(p) && r.left > 0 {
		m := copy(p[n:], r.line[r.at:])
		n += m
		if r.at += m; r.at == len(r.line) {
			r.at, r.left = 0, r.left-1
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
