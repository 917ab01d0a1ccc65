package cluster

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/gascity/agentd/client/doctor"
)

// oldest is the oldest minor version of Kubernetes 1 that is supported, and tunnels the one from which on a port-forward goes over a websocket.
const (
	oldest  = 28
	tunnels = 31
)

// span is a time during which something happened.
type span struct{ begun, ended time.Time }

// server asks twice: the first answer takes a handshake, the second is what a call costs.
func (c *Cluster) server(ctx context.Context) []doctor.Finding {
	var cold time.Duration
	for i := range 2 {
		c.asked.begun = time.Now()
		answer, err := c.backend.Ask(ctx)
		if err != nil {
			return one(doctor.Bad(c.kubectl("get --raw /readyz")+" asks the same; if nothing answers that either: is the cluster up, and this machine on its network?", "%v", timedOut(ctx, err)))
		}
		c.answer, c.asked.ended = answer, time.Now()
		if i == 0 {
			cold = answer.Took
		}
	}
	return one(doctor.Good("it answers in %s; with a new connection in %s", doctor.Milliseconds(c.answer.Took), doctor.Milliseconds(cold)))
}

func (c *Cluster) version(context.Context) []doctor.Finding {
	v := c.answer.Version
	minor, err := strconv.Atoi(strings.TrimRight(v.Minor, "+"))
	switch {
	case v.GitVersion == "" || err != nil:
		return one(doctor.Doubtful("", "the API server does not tell its version"))
	case v.Major == "1" && minor < oldest:
		return one(doctor.Doubtful("upgrade the cluster", "Kubernetes %s is older than 1.%d, the oldest that is supported", v.GitVersion, oldest))
	case v.Major == "1" && minor < tunnels:
		return one(doctor.Good("Kubernetes %s; its port-forwards go over SPDY", v.GitVersion))
	}
	return one(doctor.Good("Kubernetes %s", v.GitVersion))
}

func (c *Cluster) clock(context.Context) []doctor.Finding {
	if c.answer.Time.IsZero() {
		return one(doctor.Doubtful("", "the API server does not tell the time"))
	}
	return one(doctor.Clock("the API server's", c.answer.Time, c.asked.begun, c.asked.ended))
}
