package cluster

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/kube"
)

// eventChecks are those of gc's event log, where gc keeps it in the cluster.
func (c *Cluster) eventChecks() []doctor.Check {
	if !c.keepsEvents() {
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
func (c *Cluster) keepsEvents() bool {
	return filepath.Base(strings.TrimPrefix(c.getenv("GC_EVENTS"), "exec:")) == "gc-events-k8s"
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
	pruner, err := c.backend.EventPruner(ctx)
	switch {
	case apierrors.IsForbidden(err):
		return one(doctor.Good("you may not look whether old events are deleted (CronJob gc-events-prune), which is no hindrance"))
	case err != nil:
		return one(doctor.Bad("", "%v", timedOut(ctx, err)))
	case pruner == nil:
		return one(doctor.Doubtful("kubectl apply -k deploy/ makes it; gcctl events prune does the same at once", "nothing deletes old events: there is no CronJob gc-events-prune"))
	}
	return one(c.pruning(*pruner, time.Now()))
}

// pruneTime is how long a run that deletes old events may take before it counts as failed: more than the pull of its image and an hour's events take.
const pruneTime = 10 * time.Minute

// pruning judges by how the last run went: of its image it can't be told otherwise whether nodes can pull it.
func (c *Cluster) pruning(p kube.EventPruner, now time.Time) doctor.Finding {
	in := "-n " + c.config.Target.Namespace
	switch {
	case p.Suspended:
		return doctor.Doubtful(c.kubectl(in+` patch cronjob gc-events-prune -p '{"spec":{"suspend":false}}'`)+" lets it run", "nothing deletes old events: CronJob gc-events-prune is suspended")
	case p.Succeeded.Before(p.Scheduled) && now.Sub(p.Scheduled) > pruneTime:
		return doctor.Doubtful(
			"can nodes pull it? "+c.kubectl(in+" set image cronjob/gc-events-prune prune=IMAGE")+" names another; gcctl events prune does the same at once",
			"old events are not deleted: CronJob gc-events-prune, with image %q, was to run at %s, and that has not come right", p.Image, p.Scheduled.Local().Format("15:04 on 2006-01-02"))
	}
	return doctor.Good("old events are deleted by CronJob gc-events-prune, with image %q", p.Image)
}
