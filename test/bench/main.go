// Command bench measures what this project promises of its speed and size, and prints each figure beside what it is measured against and its
// limit. Its exit status is 1 when a figure misses its limit, unless -print is given.
//
// Everything runs for real: the programs in bin/ (see -bin), tmux, processes, terminals, in folders of its own. Things that are compared are
// measured in turn, so that a machine that gets slower does so for both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// group is a set of figures measured together.
type group struct {
	name    string
	about   string
	measure func(ctx context.Context, w *world, scale scale) ([]figure, error)
}

var groups = []group{
	{"front", "operations of gc-session-local, as whole processes", measureFronts},
	{"capture", "a capture inside agentd", measureCapture},
	{"start", "start of a session", measureStart},
	{"idle", "agentd when nothing happens", measureIdle},
	{"echo", "a keystroke's echo in attach", measureEcho},
	{"flood", "an agent that prints 100 MB", measureFlood},
	{"many", "200 sessions under one hub", measureMany},
	{"pods", "operations of gc-session-k8s, as whole processes, beside kubectl's for the same", onPods(measurePods)},
	{"far", "the same with 50 ms of round trip before the API server", onPods(measureFar)},
	{"podstart", "start and stop of a pod's session", onPods(measurePodStart)},
	{"podattach", "output of attach to a pod's session", onPods(measurePodAttach)},
	{"podecho", "a keystroke's echo in attach to a pod's session", onPods(measurePodEcho)},
	{"podmany", "a round of gc's over 100 sessions in pods", onPods(measurePodMany)},
	{"eventslocal", "an event log in a file that holds many events", measureEventsLocal},
	{"events", "an event log in a cluster: record", onEvents(measureEvents)},
	// These two come last: 10,000 files that were removed, and as many objects and more, keep the disk and the API server at work for minutes.
	{"podcopy", "a workspace on its way into a pod", onPods(measurePodCopy)},
	{"eventsfull", "an event log in a cluster that holds many events", onEvents(measureEventsFull)},
}

// scale says how much is measured. What needs pods has its own numbers, since kubectl takes its time.
type scale struct{ calls, starts, keys, sessions, podCalls, podStarts, podKeys, podSessions, podCopies, events, scriptEvents, storedEvents int }

var full = scale{calls: 200, starts: 20, keys: 3000, sessions: 200, podCalls: 50, podStarts: 10, podKeys: 10_000, podSessions: 100, podCopies: 3, events: 5000, scriptEvents: 100, storedEvents: 20_000}

// quick is enough to see where one stands.
var quick = scale{calls: 40, starts: 5, keys: 600, sessions: 20, podCalls: 10, podStarts: 3, podKeys: 200, podSessions: 10, podCopies: 1, events: 500, scriptEvents: 50, storedEvents: 2000}

func main() {
	if len(os.Args) == 4 && os.Args[1] == floodArgument {
		flood(os.Args[2], os.Args[3])
		return
	}
	os.Exit(run())
}

func run() int {
	bin := flag.String("bin", "bin", "folder of the programs (make build)")
	only := flag.String("run", "", "measure only the groups that match this expression ("+groupNames()+")")
	print := flag.Bool("print", false, "print the figures, whether or not they are within their limits")
	short := flag.Bool("quick", false, "measure a fifth as often")
	flag.Parse()
	chosen, err := regexp.Compile(*only)
	if err != nil || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: bench [-bin folder] [-run expression] [-print] [-quick]")
		return 1
	}
	scale := full
	if *short {
		scale = quick
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	fmt.Printf("%s/%s, %d CPUs, %s, %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), tmuxVersion())
	missed := 0
	for _, g := range groups {
		if !chosen.MatchString(g.name) {
			continue
		}
		fmt.Printf("\n%s (-run %s)\n", g.about, g.name)
		began := time.Now()
		figures, err := g.in(ctx, *bin, scale)
		if why := (*leftOut)(nil); errors.As(err, &why) {
			fmt.Printf("  left out: %v\n", why)
			continue
		}
		for _, f := range figures {
			fmt.Println(f)
			if f.missed() {
				missed++
			}
		}
		if ctx.Err() != nil {
			fmt.Fprintln(os.Stderr, "bench: interrupted")
			return 1
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", g.name, err)
			return 1
		}
		fmt.Fprintf(os.Stderr, "(%.0f s)\n", time.Since(began).Seconds())
	}
	if missed > 0 {
		fmt.Printf("\n%d figures miss their limit\n", missed)
		if !*print {
			return 1
		}
	}
	return 0
}

// in measures the group in a world of its own.
func (g group) in(ctx context.Context, bin string, scale scale) ([]figure, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	w, err := newWorld(ctx, bin)
	if err != nil {
		return nil, err
	}
	defer w.close()
	return g.measure(ctx, w, scale)
}

func groupNames() string {
	var names []string
	for _, g := range groups {
		names = append(names, g.name)
	}
	return strings.Join(names, ", ")
}
