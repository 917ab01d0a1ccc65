package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// pipeWait is how long a shell command's output is still read after its shell has ended, when something it left in the background holds the pipe.
const pipeWait = 100 * time.Millisecond

// preStart runs the commands that come before the agent. One that fails is a warning.
func (p plan) preStart(ctx context.Context, report *steps) error {
	for i, command := range p.PreStart {
		report.step(numbered("running pre_start", i, len(p.PreStart)))
		if err := p.shell(ctx, p.process, "sh", command, ""); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("pre_start: %w", ctx.Err())
			}
			report.warn("pre_start command %d failed: %v", i+1, err)
		}
	}
	return nil
}

// needWorkDir fails when there is no work dir, and none is to be made or can be.
func (p plan) needWorkDir() error {
	if info, err := os.Stat(p.workDir); err == nil && info.IsDir() {
		return nil
	}
	if !p.MakeWorkDir {
		return wire.Errorf(wire.CodeFailed, "work_dir %q does not exist", p.workDir)
	}
	if err := os.MkdirAll(p.workDir, 0o755); err != nil {
		return wire.Errorf(wire.CodeFailed, "work_dir %q does not exist, and can't be made: %v", p.workDir, err)
	}
	return nil
}

// setUp runs what comes after the agent is up.
func (p plan) setUp(ctx context.Context, env []string, report *steps) error {
	env = append(append([]string(nil), p.process...), env...)
	for _, group := range []struct {
		name     string
		commands []string
		script   string
	}{{"session_setup", p.SessionSetup, ""}, {"session_setup_script", nil, p.SessionSetupScript}, {"session_live", p.SessionLive, ""}} {
		for i, command := range group.commands {
			report.step(numbered("running "+group.name, i, len(group.commands)))
			if err := p.shell(ctx, env, "sh", command, ""); err != nil {
				if ctx.Err() != nil {
					return fmt.Errorf("%s: %w", group.name, ctx.Err())
				}
				report.warn("%s command %d failed: %v", group.name, i+1, err)
			}
		}
		if group.script == "" {
			continue
		}
		report.step("running " + group.name)
		if err := p.shell(ctx, env, interpreter(group.script), "", group.script); err != nil {
			if ctx.Err() != nil {
				return fmt.Errorf("%s: %w", group.name, ctx.Err())
			}
			report.warn("%s failed: %v", group.name, err)
		}
	}
	return nil
}

func numbered(what string, i, n int) string {
	if n == 1 {
		return what
	}
	return fmt.Sprintf("%s %d of %d", what, i+1, n)
}

// interpreter gives the shell for a script: bash if its first line asks for that and there is one, sh otherwise.
func interpreter(script string) string {
	first, _, _ := strings.Cut(script, "\n")
	if !strings.HasPrefix(first, "#!") {
		return "sh"
	}
	for _, word := range strings.Fields(first[2:]) {
		if path.Base(word) == "bash" {
			if _, err := exec.LookPath("bash"); err == nil {
				return "bash"
			}
		}
	}
	return "sh"
}

// shell runs a command, or a script given as the shell's input, in the work dir. The end of ctx kills it with all it started.
// An error tells the last line of its output.
func (p plan) shell(ctx context.Context, env []string, shell, command, script string) error {
	cmd := exec.CommandContext(ctx, shell)
	if command != "" {
		cmd.Args = append(cmd.Args, "-c", command)
	}
	cmd.Stdin = strings.NewReader(script)
	cmd.Dir, cmd.Env = nearest(p.workDir), env
	var said lastBytes
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pipeWait
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	if errors.Is(err, syscall.ENOENT) && cmd.Process == nil {
		return fmt.Errorf("%w (in %s)", err, cmd.Dir)
	}
	if line := said.lastLine(); line != "" {
		return fmt.Errorf("%w: %s", err, line)
	}
	return err
}

// nearest gives a folder, or the nearest above it that is there: pre_start may be what makes the work dir.
func nearest(dir string) string {
	for {
		if info, err := os.Stat(dir); err == nil && info.IsDir() || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// lastBytes keeps the end of what is written to it.
type lastBytes struct{ buf []byte }

func (l *lastBytes) Write(p []byte) (int, error) {
	const keep = 2 << 10
	l.buf = append(l.buf, p...)
	if len(l.buf) > keep {
		l.buf = append(l.buf[:0], l.buf[len(l.buf)-keep:]...)
	}
	return len(p), nil
}

func (l *lastBytes) lastLine() string {
	text := bytes.TrimSpace(l.buf)
	return strings.ToValidUTF8(string(text[bytes.LastIndexByte(text, '\n')+1:]), "\ufffd")
}
