package cluster

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/kube"
)

// operatorRole is the role of deploy/ for those who drive agents.
const operatorRole = "agentd-operator"

// role says how people get a role.
func (c *Cluster) role(name string) string {
	return "an administrator gives you the role of deploy/: kubectl -n " + c.config.Target.Namespace + " create rolebinding " + name + "-you --role=" + name + " --user=YOU"
}

func (c *Cluster) namespace(ctx context.Context) []doctor.Finding {
	name := c.config.Target.Namespace
	level, err := c.backend.PodSecurity(ctx)
	switch {
	case apierrors.IsForbidden(err):
		return one(doctor.Good("you may not look at namespace %q itself, which is no hindrance", name))
	case err != nil:
		return one(doctor.Bad("kubectl apply -k deploy/ makes namespace gc; "+c.kubectl("create namespace "+name)+" makes this one, and -n names another", "%v", timedOut(ctx, err)))
	case level == "":
		return one(doctor.Good("namespace %q is there; it enforces no pod security standard", name))
	}
	return one(doctor.Good("namespace %q is there; it enforces the pod security standard %q", name, level))
}

func (c *Cluster) keys(ctx context.Context) []doctor.Finding {
	keys, err := c.backend.ExamineKeys(ctx)
	switch {
	case apierrors.IsForbidden(err):
		return one(doctor.Bad(c.role(operatorRole), "you may not read the keys of agents: %v", err))
	case err != nil:
		return one(doctor.Bad("", "%v", timedOut(ctx, err)))
	case keys.Unfit != nil:
		return one(doctor.Bad("with "+c.kubectl("-n "+c.config.Target.Namespace+" delete secret agentd-keys")+" new keys are made; agents believe them within a minute or two", "%v", keys.Unfit))
	case keys.There:
		return one(doctor.Good("there are keys for agents (secret agentd-keys)"))
	case keys.May:
		return one(doctor.Good("there are no keys for agents yet; the first start makes them (secret agentd-keys)"))
	}
	return one(doctor.Bad("let somebody start a session who may create secrets; "+c.role(operatorRole), "there are no keys for agents (secret agentd-keys), and you may not make them"))
}

func (c *Cluster) permission(ctx context.Context, p kube.Permission, role string) []doctor.Finding {
	what := p.Resource
	if p.Name != "" {
		what += "/" + p.Name
	}
	missing, err := c.backend.Missing(ctx, p)
	switch {
	case err != nil:
		return one(doctor.Bad("", "%v", timedOut(ctx, err)))
	case len(missing) == 0:
		return one(doctor.Good("you may %s %s", list(p.Verbs), what))
	}
	find := doctor.Bad
	if p.Dispensable {
		find = doctor.Doubtful
	}
	return one(find(c.role(role), "you may not %s %s, which is needed to %s", list(missing), what, p.Purpose))
}

// list puts words in a row.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
