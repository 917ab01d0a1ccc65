package kube

import (
	"fmt"
	"net"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
)

// doltVariables are all that tell an agent where Dolt is.
var doltVariables = [][2]string{{"GC_DOLT_HOST", "GC_DOLT_PORT"}, {"BEADS_DOLT_SERVER_HOST", "BEADS_DOLT_SERVER_PORT"}}

// putDolt says where Dolt is.
func putDolt(env map[string]string, s settings) error {
	host, port, err := s.dolt(env["GC_DOLT_HOST"], env["GC_DOLT_PORT"])
	if err != nil {
		return err
	}
	for _, names := range doltVariables {
		delete(env, names[0])
		delete(env, names[1])
		if host != "" {
			env[names[0]], env[names[1]] = host, port
		}
	}
	return nil
}

// dolt gives where agents find the Dolt that gc calls so; empty when it speaks of none. What the laptop calls so is not what a pod must: a loopback address
// there means the cluster's Dolt here.
func (s settings) dolt(host, port string) (string, string, error) {
	switch {
	case host == "" && port == "":
		return "", "", nil
	case port == "":
		return "", "", wire.Errorf(wire.CodeBadRequest, "GC_DOLT_HOST is %q and GC_DOLT_PORT is not set: set both, or neither", host)
	case host == "" || isLoopback(host):
		return s.doltHost, s.doltPort, nil
	}
	return host, port, nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// Dolt is where agents are sent for Dolt when gc hands on to them what an environment says of it.
type Dolt struct {
	// Address is HOST:PORT.
	Address string
	// Why says, in words, what makes it that one.
	Why string
	// Variables name the variables that can make it another one.
	Variables string
	// Wanted says that something in the environment speaks of a Dolt server.
	Wanted bool
}

// Dolt goes by the rule of a start. Where the environment gives neither of gc's variables agents would be told of no Dolt; but gc, which may run one of its own,
// gives them a port alone or a loopback address then, so that the one that these stand for is what matters.
func (s Settings) Dolt() (Dolt, error) {
	const ours, gcs = "GC_K8S_DOLT_HOST and GC_K8S_DOLT_PORT", "GC_DOLT_HOST and GC_DOLT_PORT"
	given := s.variables["GC_DOLT_HOST"]
	host, port, err := s.settings.dolt(given, s.variables["GC_DOLT_PORT"])
	if err != nil {
		return Dolt{}, err
	}
	d := Dolt{Variables: ours, Wanted: true}
	switch {
	case host == "":
		host, port = s.settings.doltHost, s.settings.doltPort
		d.Why = gcs + " are not set here: agents are sent there only when gc itself gives them a port alone or a loopback address, and otherwise told of no Dolt"
		d.Wanted = s.variables.or("GC_K8S_DOLT_HOST", "") != "" || s.variables.or("GC_K8S_DOLT_PORT", "") != ""
	case given == "":
		d.Why = "GC_DOLT_PORT without GC_DOLT_HOST stands for " + ours
	case isLoopback(given):
		d.Why = fmt.Sprintf("GC_DOLT_HOST %q is this machine, and stands for %s", given, ours)
	default:
		d.Why, d.Variables = gcs+" say so", gcs
	}
	d.Address = net.JoinHostPort(strings.Trim(host, "[]"), port)
	return d, nil
}
