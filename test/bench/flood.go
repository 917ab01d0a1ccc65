package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"
)

const (
	// floodArgument makes this program one that prints much.
	floodArgument = "flood"
	// floodSize is how much it prints, in bytes, when nobody interrupts it.
	floodSize = 100_000_000
	// floodTime is how long a flood goes on before it is interrupted.
	floodTime = time.Second
	// slowTerminal takes so many bytes a second: a terminal at the end of a line of 8 Mbit/s.
	slowTerminal = 1_000_000
)

// flood prints until told to stop, and then writes when that was into a file: the time at which the agent noticed. Its lines, and its last words,
// bear a mark, so that they are no other flood's.
func flood(file, mark string) {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	out := bufio.NewWriterSize(os.Stdout, 16<<10)
	line := floods(mark) + strings.Repeat("0123456789", 8)
	for printed := 0; printed < floodSize; {
		select {
		case <-stop:
			noticed := strconv.FormatInt(time.Now().UnixNano(), 10)
			if err := os.WriteFile(file, []byte(noticed), 0o600); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			fmt.Println("\n" + stopped(mark))
			return
		default:
		}
		n, err := fmt.Fprintln(out, line, printed)
		if err != nil {
			return
		}
		printed += n
	}
	out.Flush()
	fmt.Println(over(mark))
}

// What a flood prints: each is another text than the command line that starts it.
func floods(mark string) string  { return "flood-" + mark + ":" }
func stopped(mark string) string { return "stopped-" + mark + ":" }
func over(mark string) string    { return "over-" + mark + ":" }

// measureFlood lets an agent print 100 MB, once to the end and several times until a Ctrl-C, while somebody is attached.
func measureFlood(ctx context.Context, w *world, _ scale) ([]figure, error) {
	if err := w.start("s", "sh", map[string]string{"PS1": "ready> "}); err != nil {
		return nil, err
	}
	if err := w.shows("s", "ready>"); err != nil {
		return nil, err
	}
	var figures []figure
	for _, terminal := range []struct {
		name string
		rate int
	}{{"", 0}, {", slow terminal", slowTerminal}} {
		noticed, seen, err := w.interruptFloods("s", terminal.rate)
		if err != nil {
			return nil, err
		}
		figures = append(figures,
			within("Ctrl-C until a flooding agent notices"+terminal.name, noticed, 200*time.Millisecond, duration),
			figure{name: "  and until that is seen", value: duration(seen)})
	}
	peaks, err := w.wholeFlood("s")
	return append(figures, peaks...), err
}

// interruptFloods gives the longest times from Ctrl-C until the agent noticed it, and until the person saw that.
func (w *world) interruptFloods(name string, rate int) (noticed, seen time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	p, err := w.sit("ready>", rate, w.programPath("gcctl"), "attach", name)
	if err != nil {
		return 0, 0, err
	}
	defer p.leave()
	for i := range 5 {
		mark := fmt.Sprintf("%d-%d", rate, i)
		file := w.path("noticed-" + mark)
		if _, err := p.says(w.ctx, strings.Join([]string{self, floodArgument, file, mark}, " ")+"\r", floods(mark)); err != nil {
			return 0, 0, err
		}
		if err := pause(w.ctx, floodTime); err != nil {
			return 0, 0, err
		}
		typed := time.Now()
		s, err := p.says(w.ctx, "\x03", stopped(mark))
		if err != nil {
			return 0, 0, err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return 0, 0, fmt.Errorf("the flood was not interrupted: %w", err)
		}
		at, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			return 0, 0, err
		}
		noticed, seen = max(noticed, time.Unix(0, at).Sub(typed)), max(seen, s)
	}
	return noticed, seen, nil
}

// wholeFlood gives the most memory that any process held, when an agent has printed all of its flood and somebody watched.
func (w *world) wholeFlood(name string) ([]figure, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := w.sit("ready>", 0, w.programPath("gcctl"), "attach", name)
	if err != nil {
		return nil, err
	}
	defer p.leave()
	took, err := p.says(w.ctx, self+" "+floodArgument+" "+w.path("whole")+" whole\r", over("whole"))
	if err != nil {
		return nil, err
	}
	info, err := w.session(name)
	if err != nil {
		return nil, err
	}
	hub, err := w.hub()
	if err != nil {
		return nil, err
	}
	all := []process{{hub.PID, "hub"}}
	for _, root := range []int{p.program.Process.Pid, info.PID} {
		some, err := processes(root)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	figures := []figure{{name: "100 MB printed, seen by gcctl attach", value: duration(took)}}
	for _, p := range all {
		most, err := memory(p.pid, "VmHWM")
		if err != nil {
			return nil, err
		}
		f := within("most memory of "+p.program, most, 64<<20, mib)
		if strings.HasPrefix(p.program, "tmux") {
			f.limit = "" // not ours
		}
		figures = append(figures, f)
	}
	return figures, nil
}
