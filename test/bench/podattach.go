package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/creack/pty"

	"github.com/gascity/agentd/agentd/wire"
)

// Agents that print without end. What reaches a terminal of that is tmux's to decide: it leaves out what it can't pass on, and then draws the screen ten times a
// second. So the terminals are of a size at which a link that is fast enough gets more than that.
const (
	// painter fills the screen again and again, each cell in a colour of its own.
	painter = `$|=1; my @f; for my $n (0..19) { my $s=""; for my $y (1..49) { $s.="\e[$y;1H"; for my $x (1..190) {
$s.=sprintf("\e[38;5;%dm",16+($x*3+$y+$n)%200).chr(33+($n+$x*7+$y*13)%90); } } push @f,"$s\e[50;1Hpainted"; }
for (my $n=0;;$n++) { print $f[$n%20]; select(undef,undef,undef,0.02); }`
	// printer prints long lines, none like another, as fast as tmux takes them.
	printer = `$|=1; my $l="printed-89" x 38; for (my $n=0;;) { my $s=""; for (1..20) { $s.=$l.$n++."\n"; } print $s; }`
)

// outputs are what throughput is measured with.
var outputs = []struct {
	name, program, mark string
	terminal            pty.Winsize
}{
	{"a screen of 200x50 painted in colours", painter, "painted", pty.Winsize{Cols: 200, Rows: 50}},
	{"long lines in a terminal of 400x150", printer, "printed", pty.Winsize{Cols: 400, Rows: 150}},
}

// measurePodAttach compares gcctl attach with kubectl exec of tmux attach in the same terminal: how much arrives.
func measurePodAttach(_ context.Context, p *podWorld, _ scale) ([]figure, error) {
	var figures []figure
	for i, output := range outputs {
		name := fmt.Sprint("prints", i)
		if err := p.launch(name, wire.StartConfig{Command: "exec perl -e '" + output.program + "'"}); err != nil {
			return nil, err
		}
		kubectl, gcctl, err := p.terminals(name)
		if err != nil {
			return nil, err
		}
		through, err := p.throughputs(&output.terminal, output.mark, kubectl, gcctl)
		if err != nil {
			return nil, err
		}
		if _, err := p.front("", "stop", name); err != nil {
			return nil, err
		}
		most, err := p.withoutLink(name, output.program, &output.terminal, output.mark)
		if err != nil {
			return nil, err
		}
		theirs, ours := through[0], through[1]
		ratio := float64(ours) / float64(theirs)
		figures = append(figures, figure{
			name: "output of " + output.name, value: mib(ours) + "/s", against: "kubectl exec " + mib(theirs) + "/s", ratio: ratio,
			limit: "at least 2x", ok: ratio >= 2,
		}, figure{name: "  of tmux itself, on this machine", value: mib(most) + "/s"})
	}
	return figures, nil
}

// terminals are the two ways to have a session's terminal: kubectl's, and gcctl's.
func (p *podWorld) terminals(session string) (theirs, ours []string, err error) {
	pod, err := p.podOf(session)
	theirs = []string{p.cluster.Kubectl, "-n", p.namespace, "exec", "-it", pod, "-c", "agent", "--", "tmux", "-u", "attach", "-t", "main"}
	return theirs, []string{p.programPath("gcctl"), "attach", session}, err
}

// throughputs gives how many bytes a second reach a terminal, by each of several programs in turn.
func (w *world) throughputs(size *pty.Winsize, mark string, argvs ...[]string) ([]int64, error) {
	const (
		turns   = 9
		settle  = time.Second
		measure = 4 * time.Second
	)
	all := make([][]int64, len(argvs))
	for range turns {
		for i, argv := range argvs {
			t, err := w.sitAt(size, mark, 0, argv...)
			if err != nil {
				return nil, err
			}
			err = pause(w.ctx, settle)
			before, began := t.taken.Load(), time.Now()
			if err == nil {
				err = pause(w.ctx, measure)
			}
			n := float64(t.taken.Load()-before) / time.Since(began).Seconds()
			t.leave()
			if err != nil {
				return nil, err
			}
			all[i] = append(all[i], int64(n))
		}
	}
	medians := make([]int64, len(all))
	for i := range all {
		slices.Sort(all[i])
		medians[i] = all[i][turns/2]
	}
	return medians, nil
}

// withoutLink gives how much tmux passes on to a terminal on this machine, with nothing between them.
func (w *world) withoutLink(name, program string, size *pty.Winsize, mark string) (int64, error) {
	socket := w.path("tmux-" + name)
	tmux := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(w.ctx, "tmux", append([]string{"-S", socket, "-f", "/dev/null"}, args...)...)
		cmd.Env, cmd.Dir = w.env, w.dir
		return cmd
	}
	if _, err := said(tmux("new-session", "-d", "exec perl -e '"+program+"'")); err != nil {
		return 0, err
	}
	through, err := w.throughputs(size, mark, tmux("-u", "attach").Args)
	if _, killErr := said(tmux("kill-server")); err == nil {
		err = killErr
	}
	if err != nil {
		return 0, err
	}
	return through[0], nil
}
