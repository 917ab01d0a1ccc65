package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"
)

// measureEventsLocal measures an event log in a file of this machine, which holds many events.
func measureEventsLocal(ctx context.Context, w *world, scale scale) ([]figure, error) {
	dial, err := w.build("dial")
	if err != nil {
		return nil, err
	}
	socket := w.path("listens")
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	go accept(l)
	defer l.Close()

	n := scale.storedEvents
	file := w.path("events.jsonl")
	w.env = append(w.env, "GC_EVENTS_FILE="+file)
	if err := os.WriteFile(file, manyLines(n), 0o600); err != nil {
		return nil, err
	}
	ask := func(stdin string, want int, args ...string) func() error {
		return func() error {
			cmd := w.command("gc-events-local", args...)
			cmd.Stdin = strings.NewReader(stdin)
			out, err := said(cmd)
			if got := strings.Count(out, `"seq":`); err == nil && got != want {
				err = fmt.Errorf("%s %s gives %d events, want %d", strings.Join(args, " "), stdin, got, want)
			}
			return err
		}
	}
	base := func() error { return exec.CommandContext(ctx, dial, socket).Run() }
	lists, err := inTurn(scale.calls, base, ask(fmt.Sprintf(`{"AfterSeq":%d}`, n-1), 1, "list"), ask("", 0, "latest-seq"))
	if err != nil {
		return nil, err
	}
	records, err := inTurn(scale.calls, func() error {
		if err := base(); err != nil {
			return err
		}
		return appendSynced(w.path("appended"), event("bench", 0))
	}, ask(event("ours", 0), 0, "record"))
	if err != nil {
		return nil, err
	}
	return []figure{
		atMost(2.2, fmt.Sprintf("list, AfterSeq, 1 new, %d events stored", n), median(lists[1]), "empty Go program that dials", median(lists[0])),
		atMost(2.2, "latest-seq", median(lists[2]), "empty Go program that dials", median(lists[0])),
		atMost(2.2, "record", median(records[1]), "the same, and a line appended and synced", median(records[0])),
	}, nil
}

// accept takes connections until l is closed, and lets go of them.
func accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_ = c.Close()
	}
}

// manyLines is a log of n events.
func manyLines(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"seq\":%d,\"ts\":%q,%s\n", i+1, time.Now().UTC().Format(time.RFC3339Nano), event("fill", i)[1:])
	}
	return []byte(b.String())
}

// appendSynced does to a file what storing an event in one takes at least.
func appendSynced(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(line + "\n"); err != nil {
		return err
	}
	return f.Sync()
}
