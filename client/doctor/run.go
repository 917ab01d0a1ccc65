package doctor

import (
	"context"
	"sync"
)

// Observer is told how an examination goes. A nil function is not called.
type Observer struct {
	// Waiting is told of the check whose findings come next, when they aren't there yet.
	Waiting func(Check)
	// Found is told of each check's findings, in the order of the checks.
	Found func([]Finding)
}

// Report is all that was found.
type Report struct {
	// OK says that nothing has failed.
	OK       bool      `json:"ok"`
	Failed   int       `json:"failed"`
	Warnings int       `json:"warnings"`
	Findings []Finding `json:"findings"`
}

// Run runs all checks, each as soon as those that it needs have ended.
func Run(ctx context.Context, checks []Check, o Observer) Report {
	running := make(map[string]*run, len(checks))
	var all sync.WaitGroup
	defer all.Wait()
	for _, c := range checks {
		r := &run{check: c, done: make(chan struct{})}
		// Only earlier checks are known here, so that none waits for itself.
		needs, after := known(running, c.Needs), known(running, c.After)
		running[c.Name] = r
		all.Go(func() { r.run(ctx, needs, after) })
	}
	report := Report{Findings: []Finding{}}
	for _, c := range checks {
		found := running[c.Name].await(o)
		for _, f := range found {
			switch f.Status {
			case Failed:
				report.Failed++
			case Warning:
				report.Warnings++
			}
		}
		report.Findings = append(report.Findings, found...)
		if o.Found != nil {
			o.Found(found)
		}
	}
	report.OK = report.Failed == 0
	return report
}

// run is a check under way.
type run struct {
	check Check
	done  chan struct{} // closed when what follows is final
	found []Finding
	fault string // the name of the check that has failed: this one, or one that it needs; empty when all is well
}

func known(running map[string]*run, names []string) []*run {
	var list []*run
	for _, name := range names {
		if r := running[name]; r != nil {
			list = append(list, r)
		}
	}
	return list
}

func (r *run) run(ctx context.Context, needs, after []*run) {
	defer close(r.done)
	for _, other := range after {
		<-other.done
	}
	for _, other := range needs {
		if <-other.done; other.fault != "" {
			r.fault = other.fault
			r.found = []Finding{{Group: r.check.Group, Check: r.check.Name, Status: Skipped, Text: "not checked: it needs " + r.fault}}
			return
		}
	}
	within := r.check.Within
	if within == 0 {
		within = usualTime
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	r.found = r.check.Run(ctx)
	for i := range r.found {
		r.found[i].Group, r.found[i].Check = r.check.Group, r.check.Name
		if r.found[i].Status == Failed {
			r.fault = r.check.Name
		}
	}
}

// await gives what the check has found.
func (r *run) await(o Observer) []Finding {
	select {
	case <-r.done:
		return r.found
	default:
	}
	if o.Waiting != nil {
		o.Waiting(r.check)
	}
	<-r.done
	return r.found
}
