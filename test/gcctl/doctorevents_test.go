package gcctl_test

import (
	"path/filepath"
	"testing"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/test/binaries"
	"github.com/gascity/agentd/test/cluster"
)

func TestDoctorLooksAtTheEventLogWhereGcKeepsItInTheCluster(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	namespace := c.Namespace(t)
	examine := func(env ...string) examined {
		h := newHome(t)
		h.inPodsOf(c, namespace, c.Kubeconfig) // it looks at more than a role of deploy/ allows, and one for events is no operator's
		h.sets(env...)
		return h.examine("--no-pods")
	}
	const ours = "GC_EVENTS=exec:/somewhere/gc-events-k8s"
	for _, f := range examine("GC_EVENTS=exec:another").Findings {
		if f.Group == "events" {
			t.Errorf("of a log that is elsewhere it says %q", f.Text)
		}
	}
	e := examine(ours)
	e.troubles(0, 1)
	e.has(doctor.OK, "you may get, list, watch and create configmaps", "")
	e.has(doctor.OK, "there is no event log yet", "")
	e.has(doctor.Warning, "nothing deletes old events", "kubectl apply -k deploy/")

	root, err := binaries.Root()
	if err != nil {
		t.Fatal(err)
	}
	c.Run(t, "-n", namespace, "apply", "-f", filepath.Join(root, "deploy", "base", "events-prune.yaml"))
	c.Run(t, "-n", namespace, "create", "configmap", "gc-events-seq", "--from-literal=seq=41")
	e = examine(ours)
	e.troubles(0, 0)
	e.has(doctor.OK, "the last number that it gave out is 41", "")
	e.has(doctor.OK, `old events are deleted by CronJob gc-events-prune, with image "localhost/gcctl:dev"`, "")

	c.Run(t, "-n", namespace, "patch", "cronjob", "gc-events-prune", "-p", `{"spec":{"suspend":true}}`)
	e = examine(ours)
	e.troubles(0, 1)
	e.has(doctor.Warning, "CronJob gc-events-prune is suspended", "patch cronjob gc-events-prune")

	e = examine(ours, "KUBECONFIG="+c.As(t, namespace, "default"))
	e.has(doctor.Failed, "you may not get, list, watch and create configmaps, which is needed to record and read events", "agentd-events")
	e.has(doctor.Failed, "you may not update configmaps/gc-events-seq", "agentd-events")
	e.has(doctor.OK, "which is no hindrance", "")
}
