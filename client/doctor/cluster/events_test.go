package cluster

import (
	"strings"
	"testing"
	"time"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/kube"
	"github.com/gascity/agentd/client/target"
)

// The image that deploy/ names is on no node until somebody says another.
func TestOldEventsAreDeletedOnlyIfTheLastRunCameRight(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	hour := now.Add(-time.Hour)
	for name, test := range map[string]struct {
		pruner     kube.EventPruner
		status     doctor.Status
		text, hint string
	}{
		"it has just been made":      {kube.EventPruner{}, doctor.OK, `with image "it"`, ""},
		"its last run came right":    {kube.EventPruner{Scheduled: hour, Succeeded: hour.Add(5 * time.Second)}, doctor.OK, "", ""},
		"its first run is under way": {kube.EventPruner{Scheduled: now.Add(-time.Minute)}, doctor.OK, "", ""},
		"no run ever came right":     {kube.EventPruner{Scheduled: hour}, doctor.Warning, `image "it", was to run at`, "kubectl -n gc set image cronjob/gc-events-prune prune="},
		"the last run failed":        {kube.EventPruner{Scheduled: hour, Succeeded: hour.Add(-time.Hour)}, doctor.Warning, "has not come right", "pull"},
		"it is suspended":            {kube.EventPruner{Suspended: true, Scheduled: hour, Succeeded: now}, doctor.Warning, "is suspended", "kubectl -n gc patch cronjob gc-events-prune"},
	} {
		c := New(Config{Target: target.Target{Namespace: "gc"}})
		test.pruner.Image = "it"
		f := c.pruning(test.pruner, now)
		if f.Status != test.status || !strings.Contains(f.Text, test.text) || !strings.Contains(f.Hint, test.hint) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
