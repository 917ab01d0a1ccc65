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

// Agents that print. Throughput is what a way to the terminal carries of what tmux has for it, so two of them print as much as tmux itself brings to a terminal on the same
// machine: more than anybody reads, and more than kubectl carries. The third prints without end, of which tmux leaves out what it can't pass on; once it is so far behind it
// draws the screen ten times a second until the flood is over. Whether that comes in a turn is chance, whatever the way: it is told, and not judged.
const (
	// painter fills the screen again and again, each cell in a colour of its own.
	painter = `$|=1; my @f; for my $n (0..19) { my $s=""; for my $y (1..49) { $s.="\e[$y;1H"; for my $x (1..190) {
$s.=sprintf("\e[38;5;%dm",16+($x*3+$y+$n)%200).chr(33+($n+$x*7+$y*13)%90); } } push @f,"$s\e[50;1Hpainted"; }
for (my $n=0;;$n++) { print $f[$n%20]; select(undef,undef,undef,0.02); }`
	// printer prints long lines, none like another, 8 MiB a second. What it could not print in a tenth of a second it leaves out.
	printer = `use Time::HiRes qw(time sleep); $|=1; my $l="printed-89" x 38; my $rate=8*1048576; my ($began,$printed)=(time,0);
for (my $n=0;;) { my $due=(time-$began)*$rate; $printed=$due-$rate/10 if $due-$printed>$rate/10; my $s="";
while ($printed+length($s)<$due) { $s.=$l.$n++."\n"; } print $s; $printed+=length($s); sleep(0.005); }`
	// flooder prints the same as fast as tmux takes it.
	flooder = `$|=1; my $l="printed-89" x 38; for (my $n=0;;) { my $s=""; for (1..20) { $s.=$l.$n++."\n"; } print $s; }`
)

// outputs are what throughput is measured with.
var outputs = []struct {
	name, program, mark string
	terminal            pty.Winsize
	judged              bool
}{
	{"a screen painted in colours, 200x50", painter, "painted", pty.Winsize{Cols: 200, Rows: 50}, true},
	{"8 MiB/s of long lines, 400x150", printer, "printed", pty.Winsize{Cols: 400, Rows: 150}, true},
	{"long lines without end, 400x150", flooder, "printed", pty.Winsize{Cols: 400, Rows: 150}, false},
}

// measurePodAttach compares gcctl attach with kubectl exec of tmux attach in the same terminal: how much arrives.
func measurePodAttach(_ context.Context, p *podWorld, _ scale) ([]figure, error) {
	// A pod of its own has what pods have when nothing is said: a share of the processors that is next to none is for a hundred of them.
	p.env = append(p.env, "GC_K8S_CPU_REQUEST=")
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
		through, err := p.throughputs(turns, &output.terminal, output.mark, kubectl, gcctl)
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
		f := figure{name: "output of " + output.name, value: mib(ours) + "/s", against: "kubectl exec " + mib(theirs) + "/s", ratio: float64(ours) / float64(theirs)}
		if output.judged {
			f.limit, f.ok = "at least 2x", f.ratio >= 2
		}
		figures = append(figures, f, figure{name: "  of tmux itself, on this machine", value: mib(most) + "/s"})
	}
	return figures, nil
}

// terminals are the two ways to have a session's terminal: kubectl's, and gcctl's.
func (p *podWorld) terminals(session string) (theirs, ours []string, err error) {
	pod, err := p.podOf(session)
	theirs = []string{p.cluster.Kubectl, "-n", p.namespace, "exec", "-it", pod, "-c", "agent", "--", "tmux", "-u", "attach", "-t", "main"}
	return theirs, []string{p.programPath("gcctl"), "attach", session}, err
}

// turns is how often each program has its turn.
const turns = 9

// throughputs gives how many bytes a second reach a terminal, by each of several programs in turn.
func (w *world) throughputs(turns int, size *pty.Winsize, mark string, argvs ...[]string) ([]int64, error) {
	const (
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
	through, err := w.throughputs(turns/3, size, mark, tmux("-u", "attach").Args)
	if _, killErr := said(tmux("kill-server")); err == nil {
		err = killErr
	}
	if err != nil {
		return 0, err
	}
	return through[0], nil
}
