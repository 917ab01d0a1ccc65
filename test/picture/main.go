// Picture records real terminals and draws what they show as an SVG: a shell in which gcctl lists, nudges and peeks at two live agents,
// and a terminal that is attached to one of them. It is how docs/demo.svg is made.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	out := flag.String("o", "docs/demo.svg", "file to write")
	bin := flag.String("bin", "bin", "folder of the programs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *out); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// timeout bounds the whole: what is recorded takes a few seconds.
const timeout = time.Minute

func run(ctx context.Context, bin, out string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("/tmp", "picture") // not TMPDIR: paths of sockets must be short
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := newStage(dir, bin)
	if err != nil {
		return err
	}
	defer s.close()
	svg, err := record(ctx, s)
	if err != nil {
		return err
	}
	return os.WriteFile(out, []byte(svg), 0o644)
}

// The recorded terminals' sizes. The shell's is cut to what it shows.
const (
	columns    = 92
	shellRows  = 40
	attachRows = 14
)

// record plays the scene, and ends what it started.
func record(ctx context.Context, s *stage) (svg string, err error) {
	if err := s.start(ctx, "shell", columns, shellRows, s.shell()...); err != nil {
		return "", err
	}
	defer func() {
		if end := s.end(); err == nil {
			err = end
		}
	}()
	if err := s.prompted(ctx); err != nil {
		return "", err
	}
	for _, line := range []string{
		"gcctl start planner --ready-prompt '>>>' -- python3 -q",
		"gcctl start builder --ready-prompt '$' -- bash --norc",
		"gcctl nudge planner 'sum(n*n for n in range(101))'",
		`gcctl nudge builder 'seq 3 | while read n; do echo "built part $n"; done'`,
		"gcctl ls",
		"gcctl peek planner",
		"gcctl peek builder",
	} {
		if err := s.run(ctx, "shell", line); err != nil {
			return "", err
		}
	}
	if err := s.start(ctx, "attached", columns, attachRows, "gcctl", "attach", "planner"); err != nil {
		return "", err
	}
	if err := s.shows(ctx, "attached", "338350"); err != nil {
		return "", err
	}
	shell, err := s.record(ctx, "shell")
	if err != nil {
		return "", err
	}
	attached, err := s.record(ctx, "attached")
	if err != nil {
		return "", err
	}
	return render("Two terminals: gcctl starts, nudges, lists and peeks at two agents; gcctl attach shows one of them live",
		window{title: "a shell", columns: columns, lines: shell},
		window{title: "gcctl attach planner", columns: columns, lines: attached}), nil
}
