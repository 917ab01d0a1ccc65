package front

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type result struct {
	status         int
	stdout, stderr string
}

// front runs one operation against the hub.
func (h *scriptedHub) front(stdin string, args ...string) result {
	return runFront(context.Background(), h.connect, nil, stdin, args...)
}

func runFront(ctx context.Context, connect func(context.Context) (*mux.Conn, error), env map[string]string, stdin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	r := &run{contract: &sessions, config: Config{Backend: "local", Connect: connect}, argv0: "gc-session-local", stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr,
		getenv: func(name string) string { return env[name] }}
	status := r.do(ctx, args)
	return result{status, stdout.String(), stderr.String()}
}

func noHub(context.Context) (*mux.Conn, error) { return nil, errors.New("no hub for this test") }

func TestWrongUsageIsOneLineThatNamesTheFix(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no operation":             {nil, `no operation given: try "gc-session-local --help"`},
		"no session":               {[]string{"stop"}, `stop: no session named: try "gc-session-local stop <name>"`},
		"an empty session":         {[]string{"is-running", ""}, `is-running: the session's name is empty: try "gc-session-local is-running <name>"`},
		"too many arguments":       {[]string{"stop", "a", "b"}, `stop: too many arguments, from "b" on: try "gc-session-local stop <name>"`},
		"too few arguments":        {[]string{"peek", "a"}, `peek: too few arguments: try "gc-session-local peek <name> <lines>"`},
		"lines that are no number": {[]string{"peek", "a", "many"}, `peek: "many" is no number of lines: give one, or 0 for all`},
		"no names":                 {[]string{"process-alive", "a"}, `process-alive: no process names on stdin: give one a line`},
		"a name that is no text":   {[]string{"is-running", "a\xff"}, `is-running: "a\xff" is not valid UTF-8`},
		"a key that is no text":    {[]string{"set-meta", "a", "k\xff"}, `set-meta: "k\xff" is not valid UTF-8`},
		"no message":               {[]string{"nudge", "a"}, `nudge: no message on stdin`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runFront(t.Context(), noHub, nil, "", test.args...)
			if want := (result{1, "", "gc-session-local: " + test.want + "\n"}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestOnlyAnUnknownOperationGivesStatus2(t *testing.T) {
	t.Parallel()
	got := runFront(t.Context(), noHub, nil, "", "watch-startup", "a")
	if got.status != 2 || got.stdout != "" {
		t.Errorf("unknown operation: %+v, want status 2 and no output", got)
	}
	for name := range sessionOps {
		if got := runFront(t.Context(), noHub, nil, "x", name, "a", "1", "b", "c"); got.status == 2 {
			t.Errorf("%s: %+v, which gc takes for success", name, got)
		}
	}
}

func TestAMissingSessionIsAnAnswerWhereTheContractSaysSo(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(context.Context, *mux.Exchange) (any, error) {
		return nil, wire.Errorf(wire.CodeNoSession, "there is no session %q", "a")
	})
	fails := result{1, "", ""}
	for name, test := range map[string]struct {
		args []string
		want result
	}{
		"stop":              {[]string{"stop", "a"}, result{}},
		"is-running":        {[]string{"is-running", "a"}, result{stdout: "false\n"}},
		"process-alive":     {[]string{"process-alive", "a"}, result{stdout: "false\n"}},
		"nudge":             {[]string{"nudge", "a"}, result{}},
		"send-keys":         {[]string{"send-keys", "a", "Enter"}, result{}},
		"interrupt":         {[]string{"interrupt", "a"}, result{}},
		"peek":              {[]string{"peek", "a", "10"}, result{}},
		"clear-scrollback":  {[]string{"clear-scrollback", "a"}, result{}},
		"get-last-activity": {[]string{"get-last-activity", "a"}, result{}},
		"get-meta":          {[]string{"get-meta", "a", "K"}, result{}},
		"remove-meta":       {[]string{"remove-meta", "a", "K"}, result{}},
		"is-attached":       {[]string{"is-attached", "a"}, result{stdout: "false\n"}},
		"set-meta":          {[]string{"set-meta", "a", "K"}, fails},
		"copy-from":         {[]string{"copy-from", "a", "f"}, fails},
		"copy-to":           {[]string{"copy-to", "a", ".", "f"}, fails},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := h.front("x", test.args...)
			if test.want == fails {
				if got.status != 1 || !strings.Contains(got.stderr, `there is no session "a"`) {
					t.Errorf("got %+v, want a failure that says why", got)
				}
			} else if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestIsRunningIsTrueForARunningSessionAlone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status wire.Status
		want   string
	}{
		{wire.Status{State: wire.StateRunning}, "true\n"},
		{wire.Status{State: wire.StateRunning, Stopping: true}, "false\n"},
		{wire.Status{State: wire.StateWaiting}, "false\n"},
		{wire.Status{State: wire.StateStaging}, "false\n"},
		{wire.Status{State: wire.StateExited}, "false\n"},
	} {
		h := newHub(t, func(context.Context, *mux.Exchange) (any, error) { return wire.StateReply{Status: test.status}, nil })
		if got, want := h.front("", "is-running", "a"), (result{stdout: test.want}); got != want {
			t.Errorf("%+v: got %+v, want %+v", test.status, got, want)
		}
	}
}

// loser answers with a connection that ends, so many times, then with reply.
func loser(t *testing.T, losses int, code wire.Code, reply any) *scriptedHub {
	var h *scriptedHub
	var mu sync.Mutex
	h = newHub(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
		mu.Lock()
		losses--
		left := losses
		mu.Unlock()
		switch {
		case left < 0:
			return reply, nil
		case code != "":
			return nil, wire.Errorf(code, "not now: the folder already exists")
		default:
			h.dropAll()
			<-ctx.Done()
			return nil, ctx.Err()
		}
	})
	return h
}

func TestAHubThatGoesAwayIsAskedAgainWhereThatIsSafe(t *testing.T) {
	t.Parallel()
	h := loser(t, 2, "", wire.StateReply{Status: wire.Status{State: wire.StateRunning}})
	if got, want := h.front("", "is-running", "a"), (result{stdout: "true\n"}); got != want {
		t.Errorf("is-running: got %+v, want %+v", got, want)
	}
	for _, op := range []string{"nudge", "start"} {
		h = loser(t, 2, "", nil)
		if got := h.front(`{"command":"x"}`, op, "a"); got != (result{}) {
			t.Errorf("%s: got %+v, want success", op, got)
		}
		seen := h.seen()
		if len(seen) != 3 || seen[0].Key == "" || seen[0].Key != seen[1].Key || seen[1].Key != seen[2].Key {
			t.Errorf("%s: requests %+v, want three with one key", op, seen)
		}
	}
}

func TestKeysAreNeverPressedTwice(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"send-keys", "a", "Enter"}, {"interrupt", "a"}} {
		h := loser(t, 1, "", nil)
		got := h.front("", args...)
		if got.status != 1 || !strings.Contains(got.stderr, "not known whether this was done") || len(h.seen()) != 1 {
			t.Errorf("%s: got %+v after %d requests, want one request and a clear failure", args[0], got, len(h.seen()))
		}
		// The hub says the same of a session whose link goes away: it may have been done.
		h = loser(t, 1, wire.CodeUnavailable, nil)
		if got := h.front("", args...); got.status != 1 || len(h.seen()) != 1 {
			t.Errorf("%s, the session's link lost: got %+v after %d requests, want one request and a failure", args[0], got, len(h.seen()))
		}
	}
}

func TestAnEndlessLossOfTheHubIsAnError(t *testing.T) {
	t.Parallel()
	h := loser(t, 1000, "", nil)
	if got := h.front("", "is-running", "a"); got.status != 1 || got.stdout != "" || len(h.seen()) != maxLosses {
		t.Errorf("got %+v after %d requests, want a failure after %d", got, len(h.seen()), maxLosses)
	}
}

func TestASessionOutOfReachIsWaitedForExceptByStart(t *testing.T) {
	t.Parallel()
	h := loser(t, 3, wire.CodeUnavailable, wire.StateReply{Status: wire.Status{State: wire.StateRunning}})
	if got, want := h.front("", "is-running", "a"), (result{stdout: "true\n"}); got != want {
		t.Errorf("is-running: got %+v, want %+v", got, want)
	}
	for _, code := range []wire.Code{wire.CodeUnavailable, wire.CodeTimeout} {
		h = loser(t, 1000, code, nil)
		if got := h.front("{}", "start", "a"); got.status != 75 || len(h.seen()) != 1 {
			t.Errorf("start, %s: got %+v after %d requests, want status 75 after one", code, got, len(h.seen()))
		}
	}
	h = loser(t, 1000, wire.CodeFailed, nil)
	if got := h.front("{}", "start", "a"); got.status != 1 {
		t.Errorf("start, a lasting fault: got %+v, want status 1", got)
	}
}

func TestWhyASessionIsOutOfReachIsSaidWhenTheTimeIsUp(t *testing.T) {
	t.Parallel()
	said := make(chan struct{}, 1)
	h := newHub(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
		select {
		case said <- struct{}{}:
			return nil, wire.Errorf(wire.CodeUnavailable, "no way there")
		default:
			<-ctx.Done() // it is waited for once more
			return nil, ctx.Err()
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	got := runFront(ctx, h.connect, nil, "", "is-running", "a")
	if want := (result{status: 1, stderr: "gc-session-local: is-running: no way there\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAFrontThatIsCancelledCancelsItsWorkInTheHub(t *testing.T) {
	t.Parallel()
	began, ended := make(chan struct{}), make(chan struct{})
	h := newHub(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
		close(began)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	if got := runFront(ctx, h.connect, nil, "{}", "start", "a"); got.status != 1 || got.stderr != "gc-session-local: start: cancelled\n" {
		t.Errorf("got %+v", got)
	}
	<-ended
}

func TestInputThatNeverEndsIsGivenUpWithTheContext(t *testing.T) {
	t.Parallel()
	in, out := io.Pipe()
	defer out.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &run{contract: &sessions, config: Config{Backend: "local", Connect: noHub}, argv0: "x", stdin: in, stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}
	if status := r.do(ctx, []string{"nudge", "a"}); status != 1 {
		t.Errorf("status %d, want 1", status)
	}
}

func TestInputOverItsLimitIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	for op, limit := range map[string]int{"nudge": wire.MaxNudge, "set-meta": wire.MaxMetaValue} {
		args := []string{op, "a"}
		if op == "set-meta" {
			args = append(args, "K")
		}
		got := runFront(t.Context(), noHub, nil, strings.Repeat("x", limit+1), args...)
		if got.status != 1 || !strings.Contains(got.stderr, fmt.Sprintf("over the limit of %d bytes", limit)) {
			t.Errorf("%s: %+v", op, got)
		}
	}
}

// fullDisk can't be written.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestAnAnswerThatCannotBeWrittenIsNoSuccess(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(_ context.Context, x *mux.Exchange) (any, error) {
		switch x.Op {
		case wire.OpPeek:
			_, err := io.WriteString(x, "text\n")
			return wire.PeekReply{}, err
		case wire.OpList:
			return wire.ListReply{Sessions: []wire.Info{{Name: "a", Status: wire.Status{State: wire.StateRunning}}}}, nil
		case wire.OpActivity:
			return wire.ActivityReply{Time: time.Now()}, nil
		default:
			return wire.Meta{Value: "v"}, nil
		}
	})
	for _, args := range [][]string{{"is-running", "a"}, {"peek", "a", "1"}, {"list-running", ""}, {"get-last-activity", "a"}, {"get-meta", "a", "K"}, {"protocol"}, {"--help"}} {
		var stderr bytes.Buffer
		r := &run{contract: &sessions, config: Config{Backend: "local", Connect: h.connect}, argv0: "x", stdin: strings.NewReader(""), stdout: fullDisk{}, stderr: &stderr, getenv: func(string) string { return "" }}
		if status := r.do(t.Context(), args); status != 1 || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%s: status %d, %q", args[0], status, stderr.String())
		}
	}
}

func TestActivityIsRFC3339OrEmpty(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 23, 59, 59, 120e6, time.FixedZone("", 3600))
	for _, test := range []struct {
		at   time.Time
		want string
	}{{at, "2026-11-23T22:59:59.120Z\n"}, {time.Time{}, ""}} {
		h := newHub(t, func(context.Context, *mux.Exchange) (any, error) { return wire.ActivityReply{Time: test.at}, nil })
		if got, want := h.front("", "get-last-activity", "a"), (result{stdout: test.want}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}
