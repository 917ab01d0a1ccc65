package agentd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// killServe kills serve, which init starts again.
func (d *daemon) killServe() {
	d.t.Helper()
	if err := syscall.Kill(child(d.t, d.cmd.Process.Pid, " serve "), syscall.SIGKILL); err != nil {
		d.t.Fatal(err)
	}
}

// twenty are messages that can be told apart.
func twenty() (texts []string) {
	for i := range 20 {
		texts = append(texts, fmt.Sprintf("message %d of many", i))
	}
	return texts
}

// The agent's program writes what is submitted into a file of the work dir.
var takers = map[string]string{
	"a program that shows what is typed": "echo ready; exec cat > lines",
	"a program that shows nothing":       "stty -echo; echo ready; exec cat > lines",
}

func TestAcceptedNudgesOutliveServe(t *testing.T) {
	t.Parallel()
	for name, command := range takers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			c := d.dial()
			d.launch(c, command)
			d.waitText(c, "ready")
			texts := twenty()
			d.accept(c, texts...)
			d.killServe()
			got := func() []string { return lines(read(t, d.path("work", "lines"))) }
			// And again in the middle of the work, wherever that may be.
			for _, submitted := range []int{3, 8, 13} {
				within(t, "some are submitted", func() bool { return len(got()) >= submitted })
				d.killServe()
			}
			within(t, "all are submitted", func() bool { return len(got()) >= len(texts) })
			// A message that was done before the crash is known after it.
			c = d.dial()
			d.accept(c, texts...)
			d.nudge(c, "end")
			within(t, "the last is submitted", func() bool { return slices.Contains(got(), "end") })
			if want := append(texts, "end"); !slices.Equal(got(), want) {
				t.Errorf("the agent read %q, want %q", got(), want)
			}
			if n := d.metric("agentd_nudges_failed_total"); n != 0 {
				t.Errorf("%v nudges failed", n)
			}
		})
	}
}

func TestKeysWaitForTheNudgesBeforeThem(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "stty -echo; echo ready; exec cat > lines")
	d.waitText(c, "ready")
	d.accept(c, "one", "two", "three")
	d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"four", "Enter"}}, nil)
	d.nudge(c, "five")
	within(t, "all are read", func() bool { return strings.Contains(read(t, d.path("work", "lines")), "five") })
	if got := lines(read(t, d.path("work", "lines"))); !slices.Equal(got, []string{"one", "two", "three", "four", "five"}) {
		t.Errorf("the agent read %q", got)
	}
}

func TestAnInterruptWaitsForNoNudge(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, `trap 'echo interrupted >> lines' INT; stty -echo; echo ready; while :; do read -r line && echo "$line" >> lines; done`)
	d.waitText(c, "ready")
	texts := twenty()
	d.accept(c, texts...)
	d.call(c, wire.OpInterrupt, nil, nil)
	within(t, "the interrupt", func() bool { return strings.Contains(read(t, d.path("work", "lines")), "interrupted") })
	if got := read(t, d.path("work", "lines")); strings.Contains(got, texts[len(texts)-1]) {
		t.Errorf("the interrupt came after all nudges: %q", got)
	}
}

func TestAStopDropsTheNudgesThatWait(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	// It takes an interrupt for nothing, and would read on until it is killed.
	d.launch(c, `trap '' INT TERM HUP; stty -echo; echo ready; while read -r line; do echo "$line" >> lines; done`)
	d.waitText(c, "ready")
	d.accept(c, twenty()...)
	within(t, "the first is submitted", func() bool { return read(t, d.path("work", "lines")) != "" })
	began := len(lines(read(t, d.path("work", "lines"))))
	told := make(chan error, 1)
	go func() { told <- d.tryNudge(c, "", "waited for") }()
	d.call(c, wire.OpStop, wire.Stop{GraceMS: 2000}, nil)
	if err := <-told; wire.CodeOf(err) != wire.CodeNoSession || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("who waited for a nudge hears %v", err)
	}
	d.status()
	if got := lines(read(t, d.path("work", "lines"))); len(got) > began+2 {
		t.Errorf("%d nudges were typed after the stop", len(got)-began)
	}
	if log := d.log.String(); !strings.Contains(log, "nudges were not typed") || strings.Contains(log, "of many") {
		t.Errorf("the log should tell of the nudges, and not what they say:\n%s", log)
	}
	d.keptNothing()
}

// keptNothing holds when no nudge is left on disk.
func (d *daemon) keptNothing() {
	d.t.Helper()
	if files, err := filepath.Glob(d.path("run", "nudge*")); err != nil || len(files) > 0 {
		d.t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestNudgesThatTheAgentDoesNotLiveToSeeAreCounted(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "stty -echo; echo ready; read line; exit 3")
	d.waitText(c, "ready")
	d.accept(c, "ends the agent", "comes too late", "so does this")
	if status := d.status(); status != 3 {
		t.Errorf("status %d, want 3", status)
	}
	// One may have had its turn, in vain, before the end was noticed.
	log, told := d.log.String(), 0
	for _, m := range regexp.MustCompile(`"nudges were not typed".*"nudges":(\d+)`).FindAllStringSubmatch(log, -1) {
		n, _ := strconv.Atoi(m[1])
		told += n
	}
	if told += strings.Count(log, `"nudge failed"`); told != 2 {
		t.Errorf("the log should tell of two nudges, and tells of %d:\n%s", told, log)
	}
	d.keptNothing()
}

func TestANudgeIsAcceptedBeforeItIsTyped(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "stty -echo; echo ready; exec cat > lines")
	d.waitText(c, "ready")
	began := time.Now()
	d.accept(c, twenty()...)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("20 nudges were accepted in %v: typing them takes over 8 s", took)
	}
	if n := d.metric("agentd_nudges_waiting"); n < 10 {
		t.Errorf("%v nudges wait", n)
	}
	info, err := os.Stat(d.path("run", "nudges"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the nudges: %v, %v", info, err)
	}
}

func TestTheNudgesOfADeadAgentAreNotTypedIntoTheNext(t *testing.T) {
	t.Parallel()
	d := start(t)
	c := d.dial()
	d.launch(c, "stty -echo; echo ready; exec cat > lines")
	d.waitText(c, "ready")
	d.accept(c, twenty()...)
	// All of it dies at once; nobody could clear anything away.
	serve := child(t, d.cmd.Process.Pid, " serve ")
	tmux, err := strconv.Atoi(d.tmux("display-message", "-p", "-t", "main", "#{pid}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{d.cmd.Process.Pid, serve, tmux} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	<-d.ended
	within(t, "all are gone", func() bool { return !lives(serve) && !lives(tmux) })
	d.run()
	c = d.dial()
	d.launch(c, "echo ready again; exec cat > others")
	d.waitText(c, "ready again")
	d.nudge(c, "for the next")
	within(t, "it is read", func() bool { return read(t, d.path("work", "others")) != "" })
	if got := lines(read(t, d.path("work", "others"))); !slices.Equal(got, []string{"for the next"}) {
		t.Errorf("the agent read %q", got)
	}
	d.call(c, wire.OpStop, wire.Stop{}, nil)
	d.status()
}
