package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// stage is a tmux server of our own, in which terminals run that are then recorded. The user's own tmux is not touched.
type stage struct {
	socket string
	dir    string
	env    []string
}

// start makes a terminal of the given size that runs argv.
func (s *stage) start(ctx context.Context, name string, columns, rows int, argv ...string) error {
	args := append([]string{"new-session", "-d", "-s", name, "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows), "-c", s.dir}, argv...)
	if _, err := s.tmux(ctx, args...); err != nil {
		return err
	}
	_, err := s.tmux(ctx, "set-option", "-t", name, "status", "off")
	return err
}

// prompt is what a shell on the stage shows when it waits for a command.
const prompt = "$ "

// shell is the command line of a shell that says through tmux when its prompt is there.
func (s *stage) shell() []string {
	return []string{"env", "PS1=" + prompt, "PROMPT_COMMAND=tmux wait-for -S prompt", "HISTFILE=", "bash", "--norc", "--noprofile"}
}

// prompted waits for the shell's next prompt: for the word that it is about to come, and then for it.
func (s *stage) prompted(ctx context.Context) error {
	if _, err := s.tmux(ctx, "wait-for", "prompt"); err != nil {
		return err
	}
	return s.until(ctx, "shell", func(screen string) bool {
		screen = strings.TrimSpace(screen)
		return screen == "$" || strings.HasSuffix(screen, "\n$")
	})
}

// run types a command line into a shell and waits until it is done.
func (s *stage) run(ctx context.Context, name, line string) error {
	if err := s.send(ctx, name, line); err != nil {
		return err
	}
	return s.prompted(ctx)
}

// send types a line.
func (s *stage) send(ctx context.Context, name, line string) error {
	if _, err := s.tmux(ctx, "send-keys", "-t", name, "-l", line); err != nil {
		return err
	}
	_, err := s.tmux(ctx, "send-keys", "-t", name, "Enter")
	return err
}

// shows waits until the terminal shows text.
func (s *stage) shows(ctx context.Context, name, text string) error {
	return s.until(ctx, name, func(screen string) bool { return strings.Contains(screen, text) })
}

// until waits until what the terminal shows is as it should be.
func (s *stage) until(ctx context.Context, name string, ok func(screen string) bool) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		screen, err := s.tmux(ctx, "capture-pane", "-p", "-t", name)
		if err != nil {
			return err
		}
		if ok(screen) {
			return nil
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting in vain for terminal %s, which shows:\n%s", name, screen)
		}
	}
}

// record gives what the terminal shows, with its colours, less the empty lines at its end.
func (s *stage) record(ctx context.Context, name string) ([][]span, error) {
	screen, err := s.tmux(ctx, "capture-pane", "-e", "-p", "-t", name)
	if err != nil {
		return nil, err
	}
	return parse(strings.TrimRight(screen, "\n")), nil
}

// close ends the server and with it all that runs in it.
func (s *stage) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	// When the last terminal has ended by itself, so has the server.
	_, _ = s.tmux(ctx, "kill-server")
}

func (s *stage) tmux(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "tmux", append([]string{"-u", "-f", os.DevNull, "-S", s.socket}, args...)...)
	cmd.Env = s.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("tmux %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}

// newStage makes a stage in dir, whose terminals find the programs of bin and keep their state in dir alone.
func newStage(dir, bin string) (*stage, error) {
	env := []string{
		"PATH=" + bin + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"HOME=" + dir, "LC_ALL=C.UTF-8", "TERM=xterm-256color", "SHELL=/bin/sh", "PYTHON_HISTORY=" + os.DevNull,
		"XDG_STATE_HOME=" + filepath.Join(dir, "state"), "XDG_RUNTIME_DIR=" + filepath.Join(dir, "run"),
	}
	for _, d := range []string{"state", "run"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	return &stage{socket: filepath.Join(dir, "tmux"), dir: dir, env: env}, nil
}

// end ends the sessions that were started and the hub, so that nothing of ours goes on.
func (s *stage) end() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", `gcctl ls -o name | while read -r name; do gcctl stop "$name"; done; gcctl hub stop`)
	cmd.Env = s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("end the sessions: %w: %s", err, out)
	}
	return nil
}
