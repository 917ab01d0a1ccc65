package doctor

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// check is one that finds f, after a while.
func check(name string, f Finding, after time.Duration, needs ...string) Check {
	return Check{Group: "g", Name: name, Needs: needs, Run: func(ctx context.Context) []Finding {
		select {
		case <-time.After(after):
			return []Finding{f}
		case <-ctx.Done():
			return []Finding{Bad("", "%s gave up", name)}
		}
	}}
}

func TestChecksRunAtTheSameTimeAndAreToldInTheirOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told, waited []string
		begun := time.Now()
		report := Run(t.Context(), []Check{
			check("slow", Good("slow"), 3*time.Second),
			check("quick", Good("quick"), time.Second),
			check("other", Doubtful("mend it", "other"), 4*time.Second),
		}, Observer{
			Waiting: func(c Check) { waited = append(waited, c.Name) },
			Found:   func(list []Finding) { told = append(told, list[0].Check) },
		})
		if took := time.Since(begun); took != 4*time.Second {
			t.Errorf("three checks of at most 4 s took %v", took)
		}
		if !slices.Equal(told, []string{"slow", "quick", "other"}) || !slices.Equal(waited, []string{"slow", "other"}) {
			t.Errorf("told %q, waited for %q", told, waited)
		}
		if !report.OK || report.Failed != 0 || report.Warnings != 1 || len(report.Findings) != 3 || report.Findings[2].Hint != "mend it" || report.Findings[2].Group != "g" {
			t.Errorf("%+v", report)
		}
	})
}

func TestWhatNeedsAFailedCheckIsSkippedAndTheFaultIsNamed(t *testing.T) {
	t.Parallel()
	ran := false
	unwanted := Check{Group: "g", Name: "last", Needs: []string{"middle"}, Run: func(context.Context) []Finding {
		ran = true
		return nil
	}}
	report := Run(t.Context(), []Check{
		check("root", Bad("mend it", "broken"), 0),
		check("beside", Doubtful("", "hm"), 0),
		check("middle", Good("fine"), 0, "beside", "root"),
		unwanted,
		check("free", Good("fine"), 0, "beside", "unheard of"),
	}, Observer{})
	if ran || report.OK || report.Failed != 1 || report.Warnings != 1 {
		t.Errorf("ran: %v, %+v", ran, report)
	}
	for i, want := range []Status{Failed, Warning, Skipped, Skipped, OK} {
		if f := report.Findings[i]; f.Status != want || want == Skipped && f.Text != "not checked: it needs root" {
			t.Errorf("%+v, want %s", f, want)
		}
	}
}

func TestACheckWaitsForThoseItComesAfterWhateverTheyFind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		last := check("last", Good("fine"), time.Second)
		last.After = []string{"first"}
		report := Run(t.Context(), []Check{check("first", Bad("", "broken"), 2*time.Second), last}, Observer{})
		if took := time.Since(begun); took != 3*time.Second || report.Findings[1].Status != OK {
			t.Errorf("%+v after %v", report, took)
		}
	})
}

func TestACheckIsGivenUpWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		short := check("short", Good("fine"), time.Hour)
		short.Within = time.Second
		report := Run(t.Context(), []Check{short, check("usual", Good("fine"), time.Hour)}, Observer{})
		if took := time.Since(begun); took != usualTime || report.Failed != 2 {
			t.Errorf("%+v after %v", report, took)
		}
	})
}
