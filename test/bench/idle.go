package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	// idleTime is how long agentd must use no processor time.
	idleTime = 10 * time.Second
	// settleTime is how long nothing happens before that.
	settleTime = 5 * time.Second
)

// measureIdle measures agentd's size and use of the processor beside an agent that does nothing: one that was just started, and one that was
// worked with.
func measureIdle(ctx context.Context, w *world, _ scale) ([]figure, error) {
	for _, name := range []string{"fresh", "used"} {
		if err := w.start(name, "bash", nil); err != nil {
			return nil, err
		}
	}
	if err := w.use("used"); err != nil {
		return nil, err
	}
	if err := pause(ctx, settleTime); err != nil {
		return nil, err
	}
	var figures []figure
	var before [2]int
	all := make([][]process, 2)
	for i, name := range []string{"fresh", "used"} {
		info, err := w.session(name)
		if err != nil {
			return nil, err
		}
		if all[i], err = processes(info.PID); err != nil {
			return nil, err
		}
		if before[i], err = sum(all[i], "agentd", ticks); err != nil {
			return nil, err
		}
	}
	if err := pause(ctx, idleTime); err != nil {
		return nil, err
	}
	for i, name := range []string{"just started", "after work"} {
		after, err := sum(all[i], "agentd", ticks)
		if err != nil {
			return nil, err
		}
		ours, detail, err := resident(all[i], "agentd")
		if err != nil {
			return nil, err
		}
		tmuxs, _, err := resident(all[i], "tmux")
		if err != nil {
			return nil, err
		}
		memory := within("RSS of init and serve, "+name, ours, 20<<20, mib)
		memory.against = detail
		figures = append(figures, memory,
			figure{name: "RSS of tmux's server and client, " + name, value: mib(tmuxs)},
			within(fmt.Sprintf("processor time in %s, %s", idleTime, name), after-before[i], 0, func(t int) string { return fmt.Sprintf("%d ms", 10*t) }))
	}
	info, err := os.Stat(w.bin + "/agentd")
	if err != nil {
		return nil, err
	}
	return append(figures, within("size of bin/agentd", info.Size(), 12<<20, mib)), nil
}

// use does with a session what is done with most.
func (w *world) use(name string) error {
	for i := range 20 {
		if _, err := w.front(fmt.Sprintf("seq %d; echo done%d.", 100*i, i), "nudge", name); err != nil {
			return err
		}
		if err := w.shows(name, fmt.Sprintf("\ndone%d.", i)); err != nil {
			return err
		}
		if _, err := w.front("bash", "process-alive", name); err != nil {
			return err
		}
	}
	t, err := w.sit("done19.", 0, w.programPath("gcctl"), "attach", name)
	if err != nil {
		return err
	}
	defer t.leave()
	_, err = t.says(w.ctx, "echo attached$((1+1)).\r", "attached2.")
	return err
}

// sum adds up a number of each process of one program.
func sum[T int | int64](all []process, program string, number func(pid int) (T, error)) (T, error) {
	var total T
	for _, p := range all {
		if !strings.HasPrefix(p.program, program) {
			continue
		}
		n, err := number(p.pid)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// resident gives the memory that the processes of one program hold together, and each one's in words.
func resident(all []process, program string) (total int64, detail string, err error) {
	var each []string
	total, err = sum(all, program, func(pid int) (int64, error) {
		n, err := memory(pid, "VmRSS")
		each = append(each, mib(n))
		return n, err
	})
	return total, strings.Join(each, " + "), err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
