package contract_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// eventsEverywhere runs a test with events in a file of this machine, and with events in a namespace.
func eventsEverywhere(t *testing.T, test func(t *testing.T, g *gc)) {
	t.Parallel()
	t.Run("in a file", func(t *testing.T) {
		t.Parallel()
		g := newGC(t)
		g.front = "gc-events-local"
		test(t, g)
	})
	t.Run("in ConfigMaps", func(t *testing.T) {
		t.Parallel()
		test(t, newEvents(t))
	})
}

// event is what gc reads of one.
type event struct {
	Seq     uint64          `json:"seq"`
	Type    string          `json:"type"`
	Time    time.Time       `json:"ts"`
	Actor   string          `json:"actor"`
	Message string          `json:"message"`
	Payload json.RawMessage `json:"payload"`
}

// list gives the events that meet a filter, as gc reads them.
func (g *gc) list(filter string) []event {
	g.t.Helper()
	var list []event
	text := g.okIn(filter, "list")
	if err := json.Unmarshal([]byte(text), &list); err != nil || strings.Contains(text, "\n") {
		g.t.Fatalf("list of %s gives %.200q: %v", filter, text, err)
	}
	return list
}

func seqs(list []event) string {
	numbers := []uint64{}
	for _, e := range list {
		numbers = append(numbers, e.Seq)
	}
	return fmt.Sprint(numbers)
}

func TestAnEventIsKeptByteForByte(t *testing.T) {
	eventsEverywhere(t, func(t *testing.T, g *gc) {
		const given = `{"type":"a","ts":"2026-03-01T12:00:00.120+02:00","actor":"mayor","payload":{"n":1.0,"big":12345678901234567890, "u":"\u003c\ud83d\ude00é","again":{"seq":9,"ts":""}} ,"own":[1e2]}`
		stored := `{"seq":1,` + given[1:]
		if out := g.okIn(given+"\n", "record"); out != "" {
			t.Errorf("record prints %q", out)
		}
		if got := g.okIn("{}", "list"); got != "["+stored+"]" {
			t.Errorf("list gives\n%s\nwant\n[%s]", got, stored)
		}
		g.okIn(`{"seq":77,"type":"b","ts":"2026-03-01T12:00:00Z"}`, "record")
		if got := g.okIn(`{"Type":"b"}`, "list"); got != `[{"seq":2,"type":"b","ts":"2026-03-01T12:00:00Z"}]` {
			t.Errorf("an event that came with a number: %s", got)
		}
		if g.pods != nil {
			if got := g.kubectl("get", "configmap", "gc-evt-0000000001", "-o", "jsonpath={.data.event}"); got != stored {
				t.Errorf("the ConfigMap holds\n%s\nwant\n%s", got, stored)
			}
		}
	})
}

func TestATimeThatIsMissingIsFilled(t *testing.T) {
	eventsEverywhere(t, func(t *testing.T, g *gc) {
		for i, given := range []string{`{"type":"a"}`, `{"type":"a","ts":null}`, `{"type":"a","ts":""}`, `{"ts":"0001-01-01T00:00:00Z","type":"a"}`} {
			before := time.Now()
			g.okIn(given, "record")
			list := g.list(fmt.Sprintf(`{"AfterSeq":%d}`, i))
			if len(list) != 1 || list[0].Time.Before(before) || list[0].Time.After(time.Now()) || list[0].Time.Nanosecond() == 0 {
				t.Errorf("%s became %+v, recorded after %s", given, list, before)
			}
		}
	})
}

func TestAFilterIsExact(t *testing.T) {
	eventsEverywhere(t, func(t *testing.T, g *gc) {
		for _, given := range []string{
			`{"type":"a b","actor":"x/y","ts":"2026-03-01T12:00:00.5Z"}`,
			`{"type":"a-b","actor":"x-y","ts":"2026-03-01T15:00:00.5+02:00"}`,
			`{"type":"a_b","actor":"x/y","ts":"2026-03-01T14:00:00Z"}`,
			`{"type":"` + strings.Repeat("long", 40) + `","actor":"日本","ts":"2026-03-01T15:00:00Z"}`,
			`{"ts":"2026-03-01T16:00:00Z"}`,
		} {
			g.okIn(given, "record")
		}
		for filter, want := range map[string]string{
			``:   "[1 2 3 4 5]",
			`{}`: "[1 2 3 4 5]",
			`{"Type":"","Actor":"","Since":"0001-01-01T00:00:00Z","AfterSeq":0}`: "[1 2 3 4 5]",
			`{"Type":"a b"}`:  "[1]",
			`{"Type":"a-b"}`:  "[2]",
			`{"Actor":"x/y"}`: "[1 3]",
			`{"Actor":"日本"}`:  "[4]",
			`{"Type":"` + strings.Repeat("long", 40) + `"}`: "[4]",
			`{"Type":"a b","Actor":"x-y"}`:                  "[]",
			`{"AfterSeq":3}`:                                "[4 5]",
			`{"AfterSeq":99}`:                               "[]",
			`{"Since":"2026-03-01T12:00:00.5Z"}`:            "[1 2 3 4 5]",
			`{"Since":"2026-03-01T12:00:00.500000001Z"}`:    "[2 3 4 5]",
			`{"Since":"2026-03-01T15:00:00.5+02:00"}`:       "[2 3 4 5]",
			`{"Since":"2026-03-01T15:00:00.6+02:00"}`:       "[3 4 5]",
			`{"Since":"2026-03-01T09:00:00-05:00"}`:         "[3 4 5]",
			`{"Actor":"x/y","AfterSeq":1}`:                  "[3]",
			`{"Since":"2026-03-01T14:00:00Z","AfterSeq":3}`: "[4 5]",
		} {
			if got := seqs(g.list(filter)); got != want {
				t.Errorf("%s: %s, want %s", filter, got, want)
			}
		}
	})
}

func TestTheLatestNumberIsTold(t *testing.T) {
	eventsEverywhere(t, func(t *testing.T, g *gc) {
		g.is("0", "latest-seq")
		if got := g.okIn("{}", "list"); got != "[]" {
			t.Errorf("list of an empty log: %q", got)
		}
		g.ok("ensure-running")
		g.is("0", "latest-seq")
		for i := 1; i <= 3; i++ {
			g.okIn("{}", "record")
			g.is(fmt.Sprint(i), "latest-seq")
		}
		g.ok("ensure-running")
		g.is("3", "latest-seq")
	})
}

func TestWrongUsageOfEventsIsOneClearLine(t *testing.T) {
	eventsEverywhere(t, func(t *testing.T, g *gc) {
		g.saysOneLine([]string{"no event given"}, "", "record")
		g.saysOneLine([]string{"JSON object"}, "[1]", "record")
		g.saysOneLine([]string{`"type"`}, `{"type":1}`, "record")
		g.saysOneLine([]string{`"ts"`, "RFC 3339"}, `{"ts":"noon"}`, "record")
		g.saysOneLine([]string{"filter", "AfterSeq"}, `{"AfterSeq":-1}`, "list")
		g.saysOneLine([]string{"<after>"}, "", "watch")
		g.saysOneLine([]string{`"now"`}, "", "watch", "now")
		g.saysOneLine([]string{"too many", "record"}, "{}", "record", "x")
		for _, op := range []string{"rotate", "list-running", ""} {
			if r := g.run("", op); r.status != 2 || r.stdout != "" {
				t.Errorf("%q, which is unknown: status %d, %q", op, r.status, r.stdout)
			}
		}
		if out := g.ok("--help"); !strings.Contains(out, "GC_EVENTS=exec:") || !strings.Contains(out, "watch <after>") {
			t.Errorf("--help prints %q", out)
		}
		if out := g.ok("--version"); out == "" {
			t.Error("--version prints nothing")
		}
		g.is("0", "latest-seq")
	})
}

func TestALargeEventIsStoredWholeOrRefused(t *testing.T) {
	eventsEverywhere(t, func(t *testing.T, g *gc) {
		const most = 1<<20 - 4<<10
		frame := `{"type":"big","ts":"2026-03-01T12:00:00Z","message":""}`
		large := strings.Replace(frame, `""`, `"`+strings.Repeat("x", most-len(frame))+`"`, 1)
		g.okIn(large, "record")
		if list := g.list(`{"Type":"big"}`); len(list) != 1 || len(list[0].Message) != most-len(frame) {
			t.Errorf("of %d bytes: %d events", len(large), len(list))
		}
		g.saysOneLine([]string{fmt.Sprint(most), "payload"}, large+" ", "record")
		g.is("1", "latest-seq")
		w := g.watch("0")
		line := w.next()
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil || len(line) >= 64<<10 || e.Seq != 1 || e.Type != "big" || string(e.Payload) != fmt.Sprintf(`{"gc_shortened":true,"bytes":%d}`, len(large)+len(`"seq":1,`)) {
			t.Errorf("the line has %d bytes: %.200s: %v", len(line), line, err)
		}
	})
}

func TestManyWritersLoseNothingAndShareNoNumber(t *testing.T) {
	eventsEverywhere(t, func(t *testing.T, g *gc) {
		const writers, each = 10, 10
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for i := range each {
					if r := g.run(fmt.Sprintf(`{"type":"n","actor":"w%d","message":"%d"}`, w, i), "record"); r.status != 0 {
						t.Errorf("record: status %d: %s", r.status, r.stderr)
					}
				}
			})
		}
		writing.Wait()
		list := g.list("{}")
		if len(list) != writers*each {
			t.Errorf("%d events, want %d", len(list), writers*each)
		}
		if !slices.IsSortedFunc(list, func(a, b event) int { return int(a.Seq) - int(b.Seq) }) {
			t.Error("the list is not by number")
		}
		next := map[string]int{}
		for i, e := range list {
			if i > 0 && e.Seq == list[i-1].Seq {
				t.Errorf("two events have number %d", e.Seq)
			}
			// Each writer's own are in its order.
			if e.Message != fmt.Sprint(next[e.Actor]) {
				t.Errorf("event %d is %s's %s, want its %d", e.Seq, e.Actor, e.Message, next[e.Actor])
			}
			next[e.Actor]++
		}
	})
}
