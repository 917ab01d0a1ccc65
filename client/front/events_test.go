package front

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/events/jsonl"
)

// eventsFront is one operation on the log in a file, or in what hub keeps.
type eventsFront struct {
	file   string
	hub    func(context.Context) (*mux.Conn, error)
	env    map[string]string
	stdout io.Writer
}

func (f eventsFront) run(ctx context.Context, stdin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	c := Config{Backend: "local", Connect: f.hub}
	if f.hub == nil {
		c.Log = func() (events.Log, error) { return jsonl.Open(f.file), nil }
	}
	r := &run{contract: &eventLog, config: c, argv0: "gc-events-local", stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr,
		getenv: func(name string) string { return f.env[name] }}
	if f.stdout != nil {
		r.stdout = f.stdout
	}
	status := r.do(ctx, args)
	return result{status, stdout.String(), stderr.String()}
}

// ok does an operation that must succeed.
func (f eventsFront) ok(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	got := f.run(t.Context(), stdin, args...)
	if got.status != 0 || got.stderr != "" {
		t.Fatalf("%q: %+v", args, got)
	}
	return got.stdout
}

func newFile(t *testing.T) eventsFront { return eventsFront{file: t.TempDir() + "/log/events.jsonl"} }

func TestWrongUsageOfTheEventLogIsOneLineThatNamesTheFix(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		stdin string
		args  []string
		want  string
	}{
		{"", nil, `no operation given: try "gc-events-local --help"`},
		{"", []string{"record"}, `record: no event given: one JSON object is wanted`},
		{"{}", []string{"record", "x"}, `record: too many arguments, from "x" on: try "gc-events-local record"`},
		{`{"ts":"noon"}`, []string{"record"}, `record: the event's "ts" is no RFC 3339 time`},
		{strings.Repeat(" ", events.MaxEvent+1), []string{"record"}, `keep what is large elsewhere`},
		{`[]`, []string{"list"}, `list: the filter is no JSON object`},
		{"", []string{"watch"}, `watch: too few arguments: try "gc-events-local watch <after>"`},
		{"", []string{"watch", "-1"}, `watch: "-1" is no event's number: give the last one seen, or 0 for all`},
		{"", []string{"latest-seq", "x"}, `latest-seq: too many arguments`},
	} {
		got := newFile(t).run(t.Context(), test.stdin, test.args...)
		if got.status != 1 || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 || !strings.Contains(got.stderr, test.want) {
			t.Errorf("%.20q %q: %+v, want %q", test.stdin, test.args, got, test.want)
		}
	}
	if got := newFile(t).run(t.Context(), "", "prune"); got.status != 2 || got.stdout != "" {
		t.Errorf("an unknown operation: %+v", got)
	}
}

func TestTheEventLogsAnswers(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	if got := f.ok(t, "", "latest-seq"); got != "0\n" {
		t.Errorf("latest-seq of nothing: %q", got)
	}
	if got := f.ok(t, "", "list"); got != "[]\n" {
		t.Errorf("list of nothing: %q", got)
	}
	if got := f.ok(t, "", "ensure-running"); got != "" {
		t.Errorf("ensure-running prints %q", got)
	}
	before := time.Now()
	for _, event := range []string{
		`{"type":"a","actor":"x","ts":"2026-03-01T12:00:00.5+02:00","payload":{"n":1.0, "u":"\u003c"}}`,
		`{"type":"b","actor":"x"}`,
	} {
		if got := f.ok(t, event+"\n", "record"); got != "" {
			t.Errorf("record prints %q", got)
		}
	}
	if got := f.ok(t, "", "latest-seq"); got != "2\n" {
		t.Errorf("latest-seq: %q", got)
	}
	const first = `{"seq":1,"type":"a","actor":"x","ts":"2026-03-01T12:00:00.5+02:00","payload":{"n":1.0, "u":"\u003c"}}`
	if got := f.ok(t, `{"Type":"a"}`, "list"); got != "["+first+"]\n" {
		t.Errorf("list gives %s", got)
	}
	e, err := events.Parse([]byte(strings.Trim(f.ok(t, `{"AfterSeq":1}`, "list"), "[]\n")))
	if err != nil || e.Seq != 2 || e.Time.Before(before) || e.Time.After(time.Now()) {
		t.Errorf("the second event is %+v, %v", e, err)
	}
}

func TestAnEventsTimeIsItsCallersAndItIsRepeatedWithItsNumber(t *testing.T) {
	t.Parallel()
	var h *scriptedHub
	var mu sync.Mutex
	var asked []wire.EventsRecord
	var given []string
	h = newHub(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
		var q wire.EventsRecord
		if err := x.Decode(&q); err != nil {
			return nil, err
		}
		event, err := io.ReadAll(x)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		asked, given = append(asked, q), append(given, string(event))
		first := len(asked) == 1
		mu.Unlock()
		if !first {
			return wire.EventsRecorded{Seq: 7, Spooled: true}, nil
		}
		if err := x.Push(wire.EventsReserved{Seq: 7}); err != nil {
			return nil, err
		}
		h.dropAll()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	got := eventsFront{hub: h.connect, env: map[string]string{"GC_EVENTS_SPOOL": "1"}}.run(t.Context(), `{"type":"a"}`, "record")
	if got.status != 0 || got.stdout != "" || !strings.Contains(got.stderr, "kept on this machine") {
		t.Errorf("got %+v", got)
	}
	if len(asked) != 2 || asked[0].Mark == "" || asked[0].Mark != asked[1].Mark || asked[0].Seq != 0 || asked[1].Seq != 7 || !asked[0].Spool {
		t.Errorf("asked for %+v", asked)
	}
	if len(given) != 2 || given[0] != given[1] || !strings.Contains(given[0], `"ts":"`) {
		t.Errorf("gave %q", given)
	}
}

func TestAnUnreachableLogIsAnErrorAndNoEmptyAnswer(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(_ context.Context, x *mux.Exchange) (any, error) {
		if x.Op == wire.OpEventsList {
			if _, err := io.WriteString(x, `[{"seq":1}`); err != nil { // what came before must not be printed
				return nil, err
			}
		}
		return nil, wire.Errorf(wire.CodeUnavailable, "no API server")
	})
	for _, args := range [][]string{{"list"}, {"latest-seq"}, {"ensure-running"}, {"record"}} {
		got := eventsFront{hub: h.connect}.run(t.Context(), "{}", args...)
		if want := (result{1, "", "gc-events-local: " + args[0] + ": no API server\n"}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if n := len(h.seen()); n != 4 {
		t.Errorf("%d requests: the hub has waited already", n)
	}
}

func TestAWatchOverLostHubsPrintsEachEventOnce(t *testing.T) {
	t.Parallel()
	var h *scriptedHub
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h = newHub(t, func(_ context.Context, x *mux.Exchange) (any, error) {
		var q wire.EventsWatch
		if err := x.Decode(&q); err != nil {
			return nil, err
		}
		if q.After == 6 {
			cancel()
			return nil, nil
		}
		for seq := q.After + 1; seq <= q.After+2; seq++ {
			if _, err := fmt.Fprintf(x, "{\"seq\":%d}\n", seq); err != nil {
				return nil, err
			}
		}
		_, _ = io.WriteString(x, `{"seq":9`) // cut off
		_ = x.CloseWrite()
		h.dropAll()
		return nil, nil
	})
	got := eventsFront{hub: h.connect}.run(ctx, "", "watch", "0")
	if want := (result{0, "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n{\"seq\":4}\n{\"seq\":5}\n{\"seq\":6}\n", ""}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// ends are what gc and people make a watch write to.
func ends(t *testing.T) map[string][2]*os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][2]*os.File{"a pipe": {r, w}, "a socket": {os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "its")}}
}

func TestAWatchEndsWellWhenNobodyReadsIt(t *testing.T) {
	t.Parallel()
	for name, end := range ends(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFile(t)
			f.ok(t, "{}", "record")
			f.stdout = end[1]
			var watching sync.WaitGroup
			var got result
			watching.Go(func() { got = f.run(t.Context(), "", "watch", "0") })
			line, err := bufio.NewReader(end[0]).ReadString('\n')
			if err != nil || !json.Valid([]byte(line)) {
				t.Errorf("a line: %q, %v", line, err)
			}
			end[0].Close() // and nothing happens from here on
			watching.Wait()
			end[1].Close()
			if got != (result{}) {
				t.Errorf("got %+v, want success", got)
			}
		})
	}
}

func TestAWatchEndsWellWhenItIsToldTo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := newFile(t).run(ctx, "", "watch", "0"); got != (result{}) {
		t.Errorf("got %+v, want success", got)
	}
}

func TestAWatchThatCannotBeWrittenIsNoSuccess(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.ok(t, "{}", "record")
	f.stdout = fullDisk{}
	if got := f.run(t.Context(), "", "watch", "0"); got.status != 1 || !strings.Contains(got.stderr, "no space left") {
		t.Errorf("got %+v", got)
	}
}

func TestGcHubOffNeedsAHubToBeWithout(t *testing.T) {
	t.Parallel()
	f := newFile(t)
	f.env = map[string]string{"GC_HUB": "off"}
	if got := f.ok(t, "", "latest-seq"); got != "0\n" {
		t.Errorf("got %q", got)
	}
}
