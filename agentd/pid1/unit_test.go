package pid1

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOnlyRecentCrashesCount(t *testing.T) {
	t.Parallel()
	var c crashes
	now := time.Now()
	for i := range 100 {
		n := c.add(now.Add(time.Duration(i) * 7 * time.Second))
		if want := min(i+1, 5); n != want {
			t.Fatalf("one crash every 7 s: %d count at the %d., want %d", n, i+1, want)
		}
	}
}

func TestRestartDelay(t *testing.T) {
	t.Parallel()
	for i, want := range []time.Duration{100, 200, 400, 800, 1600, 2000, 2000} {
		if got := restartDelay(i + 1); got != want*time.Millisecond {
			t.Errorf("after crash %d: %v, want %v ms", i+1, got, int64(want))
		}
	}
}

func TestBelow(t *testing.T) {
	t.Parallel()
	parents := map[int]int{1: 0, 10: 1, 20: 10, 21: 10, 30: 20, 40: 30, 50: 21, 99: 1}
	got := below(10, parents, func(pid int) bool { return pid == 30 })
	slices.Sort(got)
	if !slices.Equal(got, []int{20, 21, 50}) {
		t.Errorf("got %v", got)
	}
}

func TestWithoutInitNobodyIsTold(t *testing.T) {
	t.Parallel()
	p := &Parent{}
	if err := p.Ready(); err != nil {
		t.Error(err)
	}
	if err := p.Report(0); err != nil {
		t.Error(err)
	}
	if l, err := p.Listener(); l != nil || err != nil {
		t.Errorf("listener %v, %v", l, err)
	}
	select {
	case <-p.Gone():
		t.Error("an init that never was is gone")
	default:
	}
	p.Close()
}

func TestReportRefusesWhatIsNoStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{-1, 256} {
		if err := (&Parent{}).Report(status); err == nil {
			t.Errorf("status %d was reported", status)
		}
	}
}

func TestInheritedRefuses(t *testing.T) {
	for _, tt := range []struct{ env, want string }{
		{"", "lacks report or gone"},
		{"report", `"report" names no descriptor`},
		{"report=x gone=4", `"report=x" names no descriptor`},
		{"report=1 gone=2", `"report=1" names no descriptor`},
		{"report=900 gone=901", "bad file descriptor"},
	} {
		t.Setenv(envName, tt.env)
		t.Setenv(envRestarts, "0")
		if _, err := Inherited(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q gives %v, want %q", tt.env, err, tt.want)
		}
	}
}
