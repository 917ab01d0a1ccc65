package agentd_test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

// firstProcess has agentd run as PID 1 of a PID namespace, as in a container; its own exit status is passed on.
var firstProcess = []string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc"}

// inBothPlaces runs a test with agentd as an ordinary process (then a child subreaper), and as PID 1.
func inBothPlaces(t *testing.T, test func(t *testing.T, d *daemon)) {
	for place, wrap := range map[string][]string{"an ordinary process": nil, "PID 1": firstProcess} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			if wrap != nil {
				allowed(t, wrap)
			}
			d := prepare(t)
			d.wrap = wrap
			d.run()
			test(t, d)
		})
	}
}

// allowed skips where no PID namespace may be made, unless nothing may be skipped.
func allowed(t *testing.T, wrap []string) {
	t.Helper()
	out, err := exec.Command(wrap[0], append(wrap[1:], "true")...).CombinedOutput()
	if err == nil {
		return
	}
	if os.Getenv("AGENTD_REQUIRE_ALL") != "" {
		t.Fatalf("a PID namespace can't be had here (it takes root): %v: %s", err, out)
	}
	t.Skipf("a PID namespace can't be had here (it takes root): %v: %s", err, out)
}

// initPID is init's process as this test sees it.
func (d *daemon) initPID() int {
	d.t.Helper()
	if d.wrap == nil {
		return d.cmd.Process.Pid
	}
	return child(d.t, d.cmd.Process.Pid, " init ")
}

// The agent leaves an orphan and waits until it has been reaped: kill -0 finds a zombie as it finds the living.
const orphaning = `(sh -c 'read go < fifo; cut -d" " -f4 /proc/$$/stat > parent; exit 7' & echo $! > orphan)
echo > fifo
while kill -0 $(cat orphan) 2> /dev/null; do sleep 0.02; done
exit 23`

func TestOrphansAreReapedAndTheAgentsStatusIsItsOwn(t *testing.T) {
	t.Parallel()
	inBothPlaces(t, func(t *testing.T, d *daemon) {
		if err := syscall.Mkfifo(d.path("work", "fifo"), 0o600); err != nil {
			t.Fatal(err)
		}
		c := d.dial()
		adopter := strconv.Itoa(d.initPID())
		if d.wrap != nil {
			adopter = "1"
		}
		d.launch(c, "read go; "+orphaning)
		d.call(c, wire.OpKeys, wire.Keys{Keys: []string{"Enter"}}, nil)
		if status := d.status(); status != 23 {
			t.Errorf("status %d, want the agent's 23", status)
		}
		if parent := strings.TrimSpace(read(t, d.path("work", "parent"))); parent != adopter {
			t.Errorf("the orphan went to process %s, want init, %s", parent, adopter)
		}
	})
}

func TestAKilledServeIsReplacedWhereverInitRuns(t *testing.T) {
	t.Parallel()
	inBothPlaces(t, func(t *testing.T, d *daemon) {
		c := d.dial()
		d.launch(c, "trap 'exit 5' INT; echo ready; while :; do sleep 0.1; done")
		d.waitText(c, "ready")
		init := d.initPID()
		if err := syscall.Kill(child(t, init, " serve "), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-c.Done()
		c = d.dial()
		var state wire.StateReply
		if d.call(c, wire.OpState, nil, &state); state.State != wire.StateRunning {
			t.Errorf("the next serve says %+v", state)
		}
		if restarts := d.metric("agentd_serve_restarts_total"); restarts != 1 {
			t.Errorf("the metrics tell of %v restarts, want 1", restarts)
		}
		if adopted := d.metric("agentd_session_adopted"); adopted != 1 {
			t.Errorf("the metrics tell that %v sessions were adopted", adopted)
		}
		if err := syscall.Kill(init, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if status := d.status(); status != 5 {
			t.Errorf("status %d after SIGTERM, want the 5 that the agent chose", status)
		}
	})
}
