package pid1

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

func TestInitExitsWithWhatServeReports(t *testing.T) {
	t.Parallel()
	for status := range 256 {
		if testing.Short() && !slices.Contains([]int{0, 1, 2, 42, 127, 128, 129, 137, 143, 255}, status) {
			continue
		}
		start(t, "--", "exit", strconv.Itoa(status)).want(status)
	}
}

func TestReportsThatMeanNothingArePassedOver(t *testing.T) {
	t.Parallel()
	start(t, "--", "babble").want(12)
}

func TestOrphans(t *testing.T) {
	t.Parallel()
	t.Run("are reaped as subreaper", func(t *testing.T) {
		t.Parallel()
		start(t, "--", "orphan").want(10)
	})
	t.Run("go elsewhere without", func(t *testing.T) {
		t.Parallel()
		start(t, "-no-subreaper", "--", "orphan").want(11)
	})
}

func TestAsPID1(t *testing.T) {
	t.Parallel()
	inNamespace := func(t *testing.T, args ...string) *running {
		t.Helper()
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self, append([]string{asInit, "-mount-proc"}, args...)...)
		cmd.SysProcAttr = pidNamespace()
		probe := exec.Command("true")
		probe.SysProcAttr = cmd.SysProcAttr
		err = probe.Run()
		if refused := errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC); refused && os.Getenv("AGENTD_REQUIRE_ALL") == "" {
			t.Skipf("a PID namespace can't be had here (it takes root): %v", err)
		}
		if err != nil {
			t.Fatalf("make a PID namespace: %v", err)
		}
		return startCommand(t, cmd)
	}
	t.Run("exits with what serve reports", func(t *testing.T) {
		t.Parallel()
		inNamespace(t, "--", "exit", "42").want(42)
	})
	t.Run("reaps orphans without being a subreaper", func(t *testing.T) {
		t.Parallel()
		inNamespace(t, "-no-subreaper", "--", "orphan").want(10)
	})
	t.Run("ends what is left", func(t *testing.T) {
		t.Parallel()
		_, stderr := inNamespace(t, "--", "litter", "stubborn").want(1)
		if !strings.Contains(stderr, "crashed 6 times within 30s") || strings.Contains(stderr, "outlive") {
			t.Errorf("stderr: %s", stderr)
		}
	})
	t.Run("forwards signals that have no handler in a first process", func(t *testing.T) {
		t.Parallel()
		r := inNamespace(t, "--", "signals", "1")
		r.read()
		r.signal(syscall.SIGTERM)
		if got := r.read(); got != "terminated" {
			t.Errorf("serve got %s", got)
		}
		r.want(99)
	})
}

func TestStatusesOfServesChildrenAreNeverStolen(t *testing.T) {
	t.Parallel()
	n := "2000"
	if testing.Short() {
		n = "100"
	}
	start(t, "--", "statuses", n).want(0)
}

func TestStolenStatusesWouldBeSeen(t *testing.T) {
	t.Parallel()
	r := start(t, "--", "statuses", "100", "steal")
	if status, _, stderr := r.end(); status == 0 {
		t.Errorf("a wait4 loop beside os/exec went unnoticed; stderr: %s", stderr)
	}
}

func TestServeIsStartedAgainAfterACrash(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "starts")
	_, stderr := start(t, "--", "crash", file, "3", "7").want(7)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var times []int
	for _, f := range strings.Fields(string(text)) {
		n, _ := strconv.Atoi(f)
		times = append(times, n)
	}
	if len(times) != 4 {
		t.Fatalf("%d starts, want 4", len(times))
	}
	for i, least := range []int{100, 200, 400} {
		if gap := times[i+1] - times[i]; gap < least {
			t.Errorf("start %d came %d ms after the one before, want at least %d", i+2, gap, least)
		}
	}
	if !strings.Contains(stderr, "was ended by signal 9 (killed)") {
		t.Errorf("the log doesn't tell how serve ended: %s", stderr)
	}
}

func TestAServeThatLeavesWithoutAReportHasCrashed(t *testing.T) {
	t.Parallel()
	_, stderr := start(t, "--", "leave", "0").want(1)
	if !strings.Contains(stderr, "crashed 6 times within 30s; the last exited with status 0") {
		t.Errorf("stderr: %s", stderr)
	}
}

func TestACrashLoopEndsWithWhatItLeftBehind(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"stay", "stubborn"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			stdout, _ := start(t, "--", "litter", way).want(1)
			pids := strings.Fields(stdout)
			if len(pids) != maxCrashes+1 {
				t.Errorf("%d starts, want %d", len(pids), maxCrashes+1)
			}
			for _, pid := range pids {
				if n, _ := strconv.Atoi(pid); alive(n) {
					t.Errorf("process %d is left", n)
				}
			}
		})
	}
}

func TestWhatIsStartedToOutliveTheSessionDoes(t *testing.T) {
	t.Parallel()
	stdout, _ := start(t, "--", "abandon", wire.DetachedEnv).want(0)
	var kept, ended int
	if _, err := fmt.Sscan(stdout, &kept, &ended); err != nil {
		t.Fatal(err)
	}
	if !alive(kept) {
		t.Error("the process started to outlive the session was ended with it")
	} else if err := syscall.Kill(kept, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if alive(ended) {
		t.Error("the other is left")
	}
}

func TestAServeThatReportsAndStaysIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes five seconds")
	}
	t.Parallel()
	_, stderr := start(t, "--", "linger").want(21)
	if !strings.Contains(stderr, "did not leave") {
		t.Errorf("stderr: %s", stderr)
	}
}

func TestWhatCanNotBeStartedIsAnErrorAtOnce(t *testing.T) {
	t.Parallel()
	began := time.Now()
	status, err := Run(t.Context(), Config{Child: []string{"/nonexistent/agentd", "serve"}, testOnlyNoSubreaper: true})
	if status != 1 || !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), `"/nonexistent/agentd"`) {
		t.Errorf("got %d, %v", status, err)
	}
	if time.Since(began) > firstDelay*maxCrashes {
		t.Error("it was tried again and again")
	}
}

func TestServeNoticesThatInitIsGone(t *testing.T) {
	t.Parallel()
	r := start(t, "--", "gone")
	r.read()
	r.signal(syscall.SIGKILL)
	if got := r.read(); got != "gone" {
		t.Errorf("serve says %q", got)
	}
	r.want(-1)
}

func TestStandardStreamsPassThrough(t *testing.T) {
	t.Parallel()
	r := start(t, "--", "echo")
	fmt.Fprintln(r.stdin, "through and through")
	if stdout, stderr := r.want(0); stdout != "through and through\n" || stderr != "talk\n" {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
}

func TestChildrenOfServeInheritNothingOfInits(t *testing.T) {
	t.Setenv(wire.DetachedEnv, "1")
	start(t, "-listen", "tcp:127.0.0.1:0", "--", "inherit").want(0)
}

func TestMemoryOfInitIsSmallAndDoesNotGrow(t *testing.T) {
	t.Parallel()
	n := "100"
	if testing.Short() {
		n = "10"
	}
	stdout, _ := start(t, "--", "breed", n).want(0)
	var before, after int
	if _, err := fmt.Sscan(stdout, &before, &after); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d KiB before, %d KiB after %s0 orphans", before, after, n)
	if after-before > 4<<10 {
		t.Errorf("memory grew from %d to %d KiB", before, after)
	}
	if !raceEnabled && before > 8<<10 {
		t.Errorf("memory is %d KiB", before)
	}
}
