package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// metaPath is where kubectl finds a session's metadata.
const metaPath = `jsonpath={.items[0].metadata.annotations['agentd\.gascity\.dev/meta']}`

// podOp is an operation as gc asks for it, and the one command of kubectl's that the script answers it with.
type podOp struct {
	name   string
	args   []string
	stdin  string // with %s for another text each time
	theirs func(p *podWorld, pod string) *exec.Cmd
	// times is the part of kubectl's time that it may take; 0 for a figure that only informs.
	times float64
	// pushed says that the hub answers it by itself.
	pushed bool
	// typing says that it types something, whose effect is waited for before the next, and isn't measured.
	typing bool
	// sees says that it shows the screen, which is to have changed since it was last shown.
	sees bool
}

// get is kubectl get of a session's pod.
func get(output string, selector ...string) func(*podWorld, string) *exec.Cmd {
	return func(p *podWorld, _ string) *exec.Cmd {
		return p.kubectl(append([]string{"get", "pod", "-o", output}, selector...)...)
	}
}

// execTmux is kubectl exec of a tmux client in a pod.
func execTmux(argv ...string) func(*podWorld, string) *exec.Cmd {
	return func(p *podWorld, pod string) *exec.Cmd { return p.inPod(pod, append([]string{"tmux"}, argv...)...) }
}

const ofShell = "gc-session=shell"

// podOps are asked of the session "shell".
var podOps = []podOp{
	{name: "is-running", args: []string{"is-running", "shell"}, theirs: get("jsonpath={.items[0].status.phase}", "-l", ofShell), times: 1. / 10, pushed: true},
	{name: "list-running", args: []string{"list-running", ""}, theirs: get("jsonpath={range .items[*]}{.metadata.name}{'\\n'}{end}", "-l", "app=gc-agent"), times: 1. / 10, pushed: true},
	{name: "get-meta", args: []string{"get-meta", "shell", "GC_ALIAS"}, theirs: get(metaPath, "-l", ofShell), times: 1. / 10},
	{name: "get-last-activity", args: []string{"get-last-activity", "shell"}, theirs: execTmux("display-message", "-p", "-t", "main", "#{session_activity}"), times: 1. / 20, pushed: true},
	{name: "peek, changed screen", args: []string{"peek", "shell", "50"}, theirs: execTmux("capture-pane", "-p", "-t", "main", "-S", "-50"), times: 1. / 20, sees: true},
	{name: "nudge, until accepted", args: []string{"nudge", "shell"}, stdin: ": nudged", theirs: execTmux("send-keys", "-t", "main", ": nudged", "Enter"), times: 1. / 20, typing: true},
	{name: "interrupt", args: []string{"interrupt", "shell"}, theirs: execTmux("send-keys", "-t", "main", "C-c"), times: 1. / 20, typing: true},
	{name: "send-keys", args: []string{"send-keys", "shell", "Enter"}, theirs: execTmux("send-keys", "-t", "main", "Enter"), typing: true},
	{name: "process-alive", args: []string{"process-alive", "shell"}, stdin: "sh", theirs: execIn("pgrep", "-x", "sh")},
	{name: "set-meta, with the annotation", args: []string{"set-meta", "shell", "GC_BENCH"}, stdin: "%s", theirs: annotate},
	{name: "clear-scrollback", args: []string{"clear-scrollback", "shell"}, theirs: execTmux("clear-history", "-t", "main")},
}

func execIn(argv ...string) func(*podWorld, string) *exec.Cmd {
	return func(p *podWorld, pod string) *exec.Cmd { return p.inPod(pod, argv...) }
}

func annotate(p *podWorld, pod string) *exec.Cmd {
	return p.kubectl("annotate", "pod", pod, "--overwrite", "bench="+rand.Text())
}

// measurePods compares whole processes: what gc pays for one question, and what it pays for kubectl.
func measurePods(_ context.Context, p *podWorld, scale scale) ([]figure, error) {
	pod, err := p.beginOps()
	if err != nil {
		return nil, err
	}
	var figures []figure
	for _, op := range podOps {
		samples, err := stepsInTurn(scale.podCalls, op.steps(p,
			func() *exec.Cmd { return op.theirs(p, pod) },
			func() *exec.Cmd { return op.ours(p) })...)
		if err != nil {
			return nil, err
		}
		figures = append(figures, op.beside(median(samples[1]), median(samples[0])))
	}
	return figures, nil
}

// beginOps starts the session that operations are measured with, and gives its pod.
func (p *podWorld) beginOps() (pod string, err error) {
	if err := p.shell("shell"); err != nil {
		return "", err
	}
	return p.podOf("shell")
}

// ours is the operation's process.
func (op podOp) ours(p *podWorld) *exec.Cmd {
	cmd := p.command(p.provider, op.args...)
	cmd.Stdin = strings.NewReader(strings.ReplaceAll(op.stdin, "%s", rand.Text()))
	return cmd
}

// steps measures several commands that all do the operation.
func (op podOp) steps(p *podWorld, commands ...func() *exec.Cmd) []step {
	word := ""
	steps := make([]step, len(commands))
	for i, command := range commands {
		steps[i].do = func() error {
			screen, err := said(command())
			if err == nil && !strings.Contains(screen, word) {
				err = fmt.Errorf("%s shows a screen from before %q was typed", op.name, word)
			}
			return err
		}
		if op.typing {
			steps[i].after = func() error { return p.rests("shell") }
		}
	}
	if op.sees {
		turn := 0
		steps[0].before = func() error {
			turn++
			word = fmt.Sprintf("word%d.", turn)
			if _, err := p.front("", "send-keys", "shell", ": "+word, "Enter"); err != nil {
				return err
			}
			return p.rests("shell")
		}
	}
	return steps
}

// rests waits until what was typed into a shell has been done, and it shows its prompt.
func (p *podWorld) rests(name string) error {
	// A nudge waits for the screen to be quiet before it types, and again before Enter.
	const rest = 300 * time.Millisecond
	if err := pause(p.ctx, rest); err != nil {
		return err
	}
	return p.until(name+" rests", func() (bool, error) {
		screen, err := p.front("", "peek", name, "1")
		return strings.HasSuffix(strings.TrimSpace(screen), strings.TrimSpace(prompt)), err
	})
}

// beside is the figure of an operation beside kubectl's.
func (op podOp) beside(ours, theirs time.Duration) figure {
	f := atMost(op.times, op.name, ours, "kubectl", theirs)
	f.limit = ""
	if op.times > 0 {
		f.limit = fmt.Sprintf("at most 1/%.0f", 1/op.times)
	}
	return f
}
