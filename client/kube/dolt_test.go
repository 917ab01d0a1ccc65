package kube

import (
	"net"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

func TestDoltIsWhereAStartSendsAgents(t *testing.T) {
	t.Parallel()
	const usual = "dolt.gc.svc.cluster.local:3307"
	for name, test := range map[string]struct {
		env       []string
		address   string
		why       string
		variables string
		wanted    bool
		untold    bool // agents are told of none
	}{
		"nothing":            {nil, usual, "GC_DOLT_HOST and GC_DOLT_PORT are not set here", "GC_K8S_DOLT_HOST", false, true},
		"the cluster's":      {[]string{"GC_K8S_DOLT_HOST=db"}, "db:3307", "are not set here", "GC_K8S_DOLT_HOST", true, true},
		"the cluster's port": {[]string{"GC_K8S_DOLT_PORT=1"}, "dolt.gc.svc.cluster.local:1", "are not set here", "GC_K8S_DOLT_HOST", true, true},
		"gc's":               {[]string{"GC_DOLT_HOST=db", "GC_DOLT_PORT=3306"}, "db:3306", "GC_DOLT_HOST and GC_DOLT_PORT say so", "GC_DOLT_HOST", true, false},
		"gc's, and the cluster's": {
			[]string{"GC_DOLT_HOST=db", "GC_DOLT_PORT=3306", "GC_K8S_DOLT_HOST=other", "GC_K8S_DOLT_PORT=1"}, "db:3306", "say so", "GC_DOLT_HOST", true, false,
		},
		"gc's, by IPv6":              {[]string{"GC_DOLT_HOST=fd00::1", "GC_DOLT_PORT=3306"}, "[fd00::1]:3306", "say so", "GC_DOLT_HOST", true, false},
		"gc's, by IPv6, in brackets": {[]string{"GC_DOLT_HOST=[fd00::1]", "GC_DOLT_PORT=3306"}, "[fd00::1]:3306", "say so", "GC_DOLT_HOST", true, false},
		"gc's port":                  {[]string{"GC_DOLT_PORT=40001"}, usual, "GC_DOLT_PORT without GC_DOLT_HOST stands for GC_K8S_DOLT_HOST", "GC_K8S_DOLT_HOST", true, false},
		"this machine's": {
			[]string{"GC_DOLT_HOST=127.0.0.1", "GC_DOLT_PORT=40001", "GC_K8S_DOLT_HOST=db"}, "db:3307", `GC_DOLT_HOST "127.0.0.1" is this machine`, "GC_K8S_DOLT_HOST", true, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{"GC_K8S_IMAGE=i"}, test.env...)
			s, err := SettingsOf(env)
			if err != nil {
				t.Fatal(err)
			}
			d, err := s.Dolt()
			if err != nil || d.Address != test.address || d.Wanted != test.wanted || !strings.Contains(d.Why, test.why) || !strings.HasPrefix(d.Variables, test.variables) {
				t.Errorf("got %+v, %v", d, err)
			}
			told := map[string]string{}
			for name, value := range variablesOf(env) {
				told[name] = value
			}
			launch := wire.Launch{Env: told}
			if err := (&Backend{}).Adapt(&launch, &wire.Start{BaseEnv: env}); err != nil {
				t.Fatal(err)
			}
			at := net.JoinHostPort(strings.Trim(launch.Env["GC_DOLT_HOST"], "[]"), launch.Env["GC_DOLT_PORT"])
			if test.untold && at != ":" || !test.untold && at != d.Address {
				t.Errorf("a start sends agents to %q", at)
			}
		})
	}
}

func TestADoltThatStartsRefuseIsNone(t *testing.T) {
	t.Parallel()
	s, err := SettingsOf([]string{"GC_K8S_IMAGE=i", "GC_DOLT_HOST=db"})
	if err != nil {
		t.Fatal(err)
	}
	if d, err := s.Dolt(); wire.CodeOf(err) != wire.CodeBadRequest || !strings.Contains(err.Error(), `GC_DOLT_HOST is "db" and GC_DOLT_PORT is not set`) {
		t.Errorf("got %+v, %v", d, err)
	}
}
