package cluster

import (
	"os/exec"
	"testing"
)

// What can be stopped or frozen.
const (
	APIServer = "kube-apiserver"
	Kubelet   = "kubelet"
)

// Stop kills a program of the cluster: its port refuses. The pods of a kubelet run on. The returned function starts it again and returns when it
// serves; the test's end does it too.
func (c *Cluster) Stop(t testing.TB, program string) (start func()) {
	t.Helper()
	return c.fault(t, "stop", "start", program)
}

// Freeze holds a program: its port accepts connections and nothing answers. The returned function lets it go on and returns when it serves; the
// test's end does it too.
func (c *Cluster) Freeze(t testing.TB, program string) (thaw func()) {
	t.Helper()
	return c.fault(t, "freeze", "thaw", program)
}

// Restart kills a program and starts it again, and returns when it serves.
func (c *Cluster) Restart(t testing.TB, program string) {
	t.Helper()
	c.Stop(t, program)()
}

func (c *Cluster) fault(t testing.TB, begin, end, program string) func() {
	t.Helper()
	if !c.alone {
		t.Fatalf("%s %s: it takes the cluster alone", begin, program)
	}
	// Not through t.Context: it is over when the fault has to be undone.
	run := func(command string) {
		t.Helper()
		if out, err := exec.Command(c.script, command, program).CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v\n%s", command, program, err, out)
		}
	}
	undone := false
	undo := func() {
		t.Helper()
		if !undone {
			undone = true
			run(end)
		}
	}
	run(begin)
	t.Cleanup(undo)
	return undo
}
