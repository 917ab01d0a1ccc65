package pid1

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestSignalsAreForwarded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		sig  syscall.Signal
		want string
	}{
		{syscall.SIGHUP, "hangup"},
		{syscall.SIGINT, "interrupt"},
		{syscall.SIGQUIT, "quit"},
		{syscall.SIGUSR1, "user defined signal 1"},
		{syscall.SIGUSR2, "user defined signal 2"},
		{syscall.SIGWINCH, "window changed"},
		{syscall.SIGTERM, "terminated"},
		{syscall.SIGTERM, "terminated"}, // the second asks to hurry: serve's to answer
	}
	r := start(t, "--", "signals", "8")
	r.read()
	for _, tt := range tests {
		r.signal(tt.sig)
		if got := r.read(); got != tt.want {
			t.Errorf("serve got %s, want %s", got, tt.want)
		}
	}
	r.want(99)
}

func TestASignalIgnoredAtTheStartStaysSo(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := startCommand(t, exec.Command("sh", "-c", `trap "" HUP; exec "$0" "$@"`, self, asInit, "--", "signals", "1"))
	r.read()
	r.signal(syscall.SIGHUP)
	r.signal(syscall.SIGUSR1)
	if got := r.read(); got != "user defined signal 1" {
		t.Errorf("serve got %s first", got)
	}
	r.want(99)
}

func TestAStopBeforeServeIsReadyIsKeptForIt(t *testing.T) {
	t.Parallel()
	r := start(t, "--", "late")
	r.read()
	r.signal(syscall.SIGTERM)
	r.logged("serve is not ready: keeping a signal for it")
	if _, err := r.stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	r.want(42)
}

func TestASecondStopDoesNotWaitForAServeThatIsNotReady(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			r := start(t, "--", "late")
			r.read()
			r.signal(sig)
			r.logged("serve is not ready: keeping a signal for it")
			r.signal(sig)
			r.want(128 + int(sig))
		})
	}
}

func TestAStopThatServeCrashesOnIsKeptForTheNext(t *testing.T) {
	t.Parallel()
	r := start(t, "--", "crash-on-stop", filepath.Join(t.TempDir(), "crashed"))
	r.read()
	r.signal(syscall.SIGTERM)
	r.want(5)
}
