package cluster

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gascity/agentd/client/doctor"
	"github.com/gascity/agentd/client/kube"
)

// trialTime bounds a trial in a pod: its image may have to be pulled first.
const trialTime = 45 * time.Second

func (c *Cluster) readSettings(context.Context) []doctor.Finding {
	settings, err := kube.SettingsOf(c.config.Env)
	if err != nil {
		return one(doctor.Bad("gcctl start --help and docs/kubernetes.md tell of the settings, which are variables GC_K8S_*", "%v", err))
	}
	c.settings = settings
	found := []doctor.Finding{doctor.Good("agents' image is %q", settings.Image)}
	if settings.AgentdImage != "" {
		found = append(found, doctor.Good("agentd comes from image %q", settings.AgentdImage))
	}
	return found
}

// rehearse lets the API server judge a pod that isn't made.
func (c *Cluster) rehearse(ctx context.Context) []doctor.Finding {
	if err := c.backend.Rehearse(ctx, c.config.Env); err != nil {
		return one(doctor.Bad("the quota, limits, policies and webhooks of the namespace decide: "+c.kubectl("describe namespace "+c.config.Target.Namespace), "an agent's pod would be refused: %v", timedOut(ctx, err)))
	}
	return one(doctor.Good("an agent's pod would be admitted"))
}

// trials are what can only be found out in pods. They come one after the other: a quota that bounds limits counts each as an agent, and may
// have room for just one.
func (c *Cluster) trials() []doctor.Check {
	if c.config.NoPods {
		return nil
	}
	return []doctor.Check{
		{Group: podsGroup, Name: agentdCheck, Needs: []string{podCheck}, Within: trialTime, Run: c.agentdImage},
		{Group: podsGroup, Name: imageCheck, Needs: []string{podCheck}, After: []string{agentdCheck}, Within: trialTime, Run: c.image},
		{Group: podsGroup, Name: "whether Dolt is reached", Needs: []string{podCheck, agentdCheck}, After: []string{imageCheck}, Within: trialTime, Run: c.dolt},
	}
}

// agentd is how the image that brings agentd runs it.
func (c *Cluster) agentd(args ...string) kube.Trial {
	if c.settings.AgentdImage != "" {
		return c.settings.Trial(c.settings.AgentdImage, append([]string{"/agentd"}, args...)...)
	}
	return c.settings.Trial(c.settings.Image, append([]string{"agentd"}, args...)...)
}

func (c *Cluster) agentdImage(ctx context.Context) []doctor.Finding {
	begun := time.Now()
	trial := c.agentd("version")
	said, err := c.backend.Try(ctx, trial)
	if err != nil {
		return one(imageTrouble(err))
	}
	return one(doctor.Good("image %q has %s; a pod of it was done in %.1f s", trial.Image, said, time.Since(begun).Seconds()))
}

// imageTrouble is why a trial of an image failed; the error names the image, also when its time was up.
func imageTrouble(err error) doctor.Finding {
	hint := ""
	if strings.Contains(err.Error(), "pull") {
		hint = "a node must be able to pull it: is the name right, and GC_K8S_IMAGE_PULL_SECRET set for a registry that wants a password?"
	}
	return doctor.Bad(hint, "%v", err)
}

// probe tells of an image whether it has tmux, which agentd runs the agent in, and of the node what time it is.
const probe = `tmux -V 2>/dev/null || echo none; date -u +%s`

func (c *Cluster) image(ctx context.Context) []doctor.Finding {
	begun := time.Now()
	said, err := c.backend.Try(ctx, c.settings.Trial(c.settings.Image, "sh", "-c", probe))
	if err != nil {
		return one(imageTrouble(err))
	}
	tmux, stamp, _ := strings.Cut(said, "\n")
	found := []doctor.Finding{doctor.Good("image %q has %s", c.settings.Image, tmux)}
	if tmux == "none" {
		found[0] = doctor.Bad("install it in the image: agentd runs agents in it", "image %q has no tmux", c.settings.Image)
	}
	if seconds, err := strconv.ParseInt(strings.TrimSpace(stamp), 10, 64); err == nil {
		found = append(found, doctor.Clock("a node's", time.Unix(seconds, 0), begun, time.Now()))
	}
	return found
}

// dolt connects to the Dolt server from inside, where agents are sent. Not everybody has one: where nothing speaks of it, its absence is just told.
func (c *Cluster) dolt(ctx context.Context) []doctor.Finding {
	dolt, err := c.settings.Dolt()
	if err != nil {
		return one(doctor.Bad("where gc hands them on like this, starts are refused", "%v", err))
	}
	_, err = c.backend.Try(ctx, c.agentd("dial", dolt.Address))
	if err == nil {
		return one(doctor.Good("pods reach Dolt at %s (%s)", dolt.Address, dolt.Why))
	}
	if strings.Contains(err.Error(), "unknown command") {
		return one(doctor.Doubtful("build or pull a newer one", "the image's agentd is too old to try whether pods reach Dolt"))
	}
	text := fmt.Sprintf("pods don't reach Dolt at %s (%s): %v", dolt.Address, dolt.Why, err)
	if dolt.Wanted {
		return one(doctor.Bad("deploy/ brings a Dolt server; "+dolt.Variables+" name another", "%s", text))
	}
	return one(doctor.Doubtful("deploy/ brings a Dolt server; agents that need none can do without", "%s", text))
}
