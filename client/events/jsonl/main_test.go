package jsonl

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/gascity/agentd/client/events"
)

// jobVariable makes this test binary a process that does something with a log: "WHAT:PATH".
const jobVariable = "JSONL_JOB"

func TestMain(m *testing.M) {
	if what, path, ok := strings.Cut(os.Getenv(jobVariable), ":"); ok {
		job(what, Open(path))
		return
	}
	goleak.VerifyTestMain(m)
}

func job(what string, l *Log) {
	verb, arg, _ := strings.Cut(what, "=")
	n, _ := strconv.Atoi(arg)
	switch verb {
	case "write": // n events, and the number of each on a line; 0 means without end
		for i := 0; n == 0 || i < n; i++ {
			r, err := l.Record(context.Background(), record("a", os.Getpid()))
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			fmt.Println(r.Seq)
		}
	case "hold": // the lock, with half a line written
		f, err := l.lock(context.Background())
		if err == nil {
			_, err = f.WriteString(`{"seq":3,"type":"to`)
		}
		fmt.Println("held", err)
		select {}
	case "small": // one event of n bytes where a file may have 1,000
		signal.Ignore(syscall.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1000, Max: 1000}); err != nil {
			fmt.Println(err)
		}
		_, err := l.Record(context.Background(), record(strings.Repeat("x", n), 0))
		fmt.Println(err)
	}
}

// start starts this binary for a job on a log.
func start(t *testing.T, what string, l *Log) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), jobVariable+"="+what+":"+l.path)
	cmd.Stderr = os.Stderr
	return cmd
}

// record asks for an event with a message.
func record(kind string, message any) events.Record {
	return events.Record{Event: fmt.Appendf(nil, `{"ts":"2026-03-04T05:06:07Z","type":%q,"actor":"x","message":"%v"}`, kind, message)}
}

func logIn(t *testing.T) *Log {
	t.Helper()
	return Open(filepath.Join(t.TempDir(), "deep", "events.jsonl"))
}

func write(t *testing.T, l *Log, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, l *Log) string {
	t.Helper()
	text, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func add(t *testing.T, l *Log, kind string, message any) uint64 {
	t.Helper()
	r, err := l.Record(t.Context(), record(kind, message))
	if err != nil {
		t.Fatal(err)
	}
	return r.Seq
}

// list gives the numbers of the events that meet the filter.
func list(t *testing.T, l *Log, f events.Filter, limit int) []uint64 {
	t.Helper()
	found, err := l.List(t.Context(), f, limit)
	if err != nil {
		t.Fatal(err)
	}
	return numbers(found)
}

func numbers(list []events.Event) []uint64 {
	seqs := []uint64{}
	for _, e := range list {
		seqs = append(seqs, e.Seq)
	}
	return seqs
}

// upTo gives the numbers from first to last.
func upTo(first, last uint64) []uint64 {
	seqs := []uint64{}
	for n := first; n <= last; n++ {
		seqs = append(seqs, n)
	}
	return seqs
}
