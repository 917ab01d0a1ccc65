package cluster

import (
	"context"
	"path/filepath"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/kube"
)

// eventChecks are those of gc's event log, where gc keeps it in the cluster.
func (c *Cluster) eventChecks() []doctor.Check {
	if !keepsEvents(c.config.Env) {
		return nil
	}
	var checks []doctor.Check
	for _, p := range kube.EventPermissions() {
		checks = append(checks, doctor.Check{
			Group: eventsGroup, Name: "permissions to " + p.Purpose, Needs: []string{serverCheck},
			Run: func(ctx context.Context) []doctor.Finding { return c.permission(ctx, p, "agentd-events") },
		})
	}
	return append(checks,
		doctor.Check{Group: eventsGroup, Name: "the event log", Needs: []string{namespaceCheck}, Run: c.eventLog},
		doctor.Check{Group: eventsGroup, Name: "whether old events are deleted", Needs: []string{namespaceCheck}, Run: c.eventPruner},
	)
}

// keepsEvents says whether gc's events go through gc-events-k8s.
func keepsEvents(env []string) bool {
	keeps := false
	for _, variable := range env {
		if value, is := strings.CutPrefix(variable, "GC_EVENTS="); is { // the last one counts
			keeps = filepath.Base(strings.TrimPrefix(value, "exec:")) == "gc-events-k8s"
		}
	}
	return keeps
}

func (c *Cluster) eventLog(ctx context.Context) []doctor.Finding {
	last, err := c.backend.LastEvent(ctx)
	switch {
	case err != nil:
		return one(doctor.Bad(c.role("agentd-events"), "%v", timedOut(ctx, err)))
	case last == "":
		return one(doctor.Good("there is no event log yet; the first event makes it (ConfigMap gc-events-seq)"))
	}
	return one(doctor.Good("there is an event log; the last number that it gave out is %s", last))
}

func (c *Cluster) eventPruner(ctx context.Context) []doctor.Finding {
	there, err := c.backend.EventPruner(ctx)
	switch {
	case apierrors.IsForbidden(err):
		return one(doctor.Good("you may not look whether old events are deleted (CronJob gc-events-prune), which is no hindrance"))
	case err != nil:
		return one(doctor.Bad("", "%v", timedOut(ctx, err)))
	case !there:
		return one(doctor.Doubtful("kubectl apply -k deploy/ makes it; gcctl events prune does the same at once", "nothing deletes old events: there is no CronJob gc-events-prune"))
	}
	return one(doctor.Good("old events are deleted by CronJob gc-events-prune"))
}
