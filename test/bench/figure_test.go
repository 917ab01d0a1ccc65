package main

import (
	"os"
	"testing"
	"time"
)

func TestAFigureMissesOnlyBeyondItsLimit(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		f    figure
		miss bool
	}{
		"just at the ratio":         {atMost(2, "", 4*ms, "", 2*ms), false},
		"beyond the ratio":          {atMost(2, "", 4*ms+1, "", 2*ms), true},
		"just at the value":         {within("", 200*ms, 200*ms, duration), false},
		"beyond the value":          {within("", 201*ms, 200*ms, duration), true},
		"without a limit":           {figure{value: "1"}, false},
		"steady growth":             {linear([]int64{10 << 20, 20 << 20, 30 << 20, 40 << 20}, 50), false},
		"growth that gets steeper":  {linear([]int64{10 << 20, 12 << 20, 20 << 20, 40 << 20}, 50), true},
		"a heap that shrank midway": {linear([]int64{20 << 20, 18 << 20, 20 << 20, 21 << 20}, 50), false},
	} {
		if tt.f.missed() != tt.miss {
			t.Errorf("%s: %s, want missed %v", name, tt.f, tt.miss)
		}
	}
}

func TestQuantilesOfSamples(t *testing.T) {
	t.Parallel()
	var samples []time.Duration
	for i := range 100 {
		samples = append(samples, time.Duration(99-i))
	}
	if got := median(samples); got != 50 {
		t.Errorf("median of 0 to 99: %d", got)
	}
	if got := quantile(samples, 0.99); got != 99 {
		t.Errorf("p99 of 0 to 99: %d", got)
	}
	if got := quantile(samples[:1], 0.99); got != 0 {
		t.Errorf("p99 of one sample: %d", got)
	}
}

func TestThisProcessHasMemoryAndTime(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("there is no /proc here")
	}
	now, err := memory(os.Getpid(), "VmRSS")
	if err != nil {
		t.Fatal(err)
	}
	most, err := memory(os.Getpid(), "VmHWM")
	if err != nil || most < now/2 || now < 1<<20 {
		t.Errorf("holds %d, held at most %d, %v", now, most, err)
	}
	if _, err := ticks(os.Getpid()); err != nil {
		t.Error(err)
	}
	if _, err := memory(os.Getpid(), "VmNothing"); err == nil {
		t.Error("a field that isn't there has a value")
	}
}
