package kube

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

var testSettings = settings{doltHost: "dolt.gc.svc", doltPort: "3307"}

func TestPathsOfTheCityAreMovedToTheWorkspace(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ city, text, want string }{
		"the folder":                           {"/home/me/city", "/home/me/city", "/workspace"},
		"a file in it":                         {"/home/me/city", "cat /home/me/city/a b", "cat /workspace/a b"},
		"its slash":                            {"/home/me/city", "/home/me/city/", "/workspace/"},
		"in quotes":                            {"/home/me/city", `cd "/home/me/city" '/home/me/city'`, `cd "/workspace" '/workspace'`},
		"in a list":                            {"/home/me/city", "/home/me/city:/home/me/city/bin:/bin", "/workspace:/workspace/bin:/bin"},
		"after an option":                      {"/home/me/city", "--dir=/home/me/city;ls", "--dir=/workspace;ls"},
		"twice with one sign between":          {"/home/me/city", "/home/me/city /home/me/city", "/workspace /workspace"},
		"a folder whose name begins the same":  {"/home/me/city", "/home/me/city2 /home/me/city-old /home/me/city.git /home/me/city~ /home/me/city_1", "/home/me/city2 /home/me/city-old /home/me/city.git /home/me/city~ /home/me/city_1"},
		"one that goes on with other letters":  {"/home/me/city", "/home/me/cityé /home/me/city世", "/home/me/cityé /home/me/city世"},
		"one that goes on with signs of names": {"/home/me/city", "/home/me/city+1 /home/me/city@2 /home/me/city%20", "/home/me/city+1 /home/me/city@2 /home/me/city%20"},
		"a folder that ends the same":          {"/home/me/city", "/mnt/home/me/city ./home/me/city é/home/me/city", "/mnt/home/me/city ./home/me/city é/home/me/city"},
		"a city with spaces":                   {"/home/me/my city", `cd '/home/me/my city/rig'`, `cd '/workspace/rig'`},
		"a city with signs that patterns have": {"/home/me/c+(1)", "/home/me/c+(1)/x /home/me/cc1", "/workspace/x /home/me/cc1"},
		"a city that is the workspace":         {"/workspace", "/workspace/a", "/workspace/a"},
		"a city in the workspace":              {"/workspace/city", "/workspace/city/city/x", "/workspace/city/x"},
		"what is moved is not moved again":     {"/workspace/city", "/workspace/city/city", "/workspace/city"},
		"no city":                              {"", "/home/me/city", "/home/me/city"},
		"a city that is everything":            {"/", "ls /bin", "ls /bin"},
		"a city that is no path":               {"city", "city city/a", "city city/a"},
		"a city's name that isn't clean":       {"/home//me/city/", "/home/me/city/a", "/workspace/a"},
		"nothing":                              {"/home/me/city", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := wire.Start{StartConfig: wire.StartConfig{Env: map[string]string{"GC_CITY": test.city}}}
			launch := wire.Launch{
				Command: test.text, PreStart: []string{test.text, "x"}, SessionSetup: []string{test.text}, SessionLive: []string{test.text},
				SessionSetupScript: test.text, Nudge: test.text, BaseEnv: map[string]string{"PATH": "/laptop"},
			}
			if err := adapt(&launch, &start, testSettings); err != nil {
				t.Fatal(err)
			}
			for where, got := range map[string]string{
				"command": launch.Command, "pre_start": launch.PreStart[0], "session_setup": launch.SessionSetup[0], "session_live": launch.SessionLive[0],
			} {
				if got != test.want {
					t.Errorf("%s: got %q, want %q", where, got, test.want)
				}
			}
			if launch.SessionSetupScript != test.text || launch.Nudge != test.text || launch.BaseEnv != nil || launch.PreStart[1] != "x" {
				t.Errorf("changed more than it should: %+v", launch)
			}
		})
	}
}

func TestTheCityIsKnownByEachOfItsSpellings(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	start := wire.Start{City: "/a/label", StartConfig: wire.StartConfig{Env: map[string]string{"GC_CITY": link, "GC_CITY_PATH": "/a"}, WorkDir: real + "/rig"}}
	launch := wire.Launch{Command: link + "/x " + real + "/y /a/z /a/label/w", Env: start.Env}
	if err := adapt(&launch, &start, testSettings); err != nil {
		t.Fatal(err)
	}
	if want := "/workspace/x /workspace/y /workspace/z /workspace/w"; launch.Command != want {
		t.Errorf("got %q, want %q", launch.Command, want)
	}
	if launch.WorkDir != "/workspace/rig" {
		t.Errorf("the work dir is %q", launch.WorkDir)
	}
}

func TestTheWorkDirInThePod(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ city, workDir, want string }{
		"the city":                      {"/c", "/c", "/workspace"},
		"a folder in the city":          {"/c", "/c/rigs/a", "/workspace/rigs/a"},
		"a folder in gc's own":          {"/c", "/c/.gc/worktrees/r/a", "/workspace/.gc/worktrees/r/a"},
		"one that isn't clean":          {"/c", "/c//rigs/../rigs/a/", "/workspace/rigs/a"},
		"one that leads out":            {"/c", "/c/../d", "/workspace"},
		"one whose name begins alike":   {"/c", "/city", "/workspace"},
		"a folder elsewhere":            {"/c", "/d", "/workspace"},
		"none":                          {"/c", "", "/workspace"},
		"a relative one":                {"/c", "rigs", "/workspace"},
		"a folder without a city":       {"", "/d", "/workspace"},
		"neither a folder nor a city":   {"", "", "/workspace"},
		"one in the city's parent":      {"/c/d", "/c", "/workspace"},
		"one whose name begins with ..": {"/c", "/c/..d", "/workspace/..d"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := wire.Start{StartConfig: wire.StartConfig{WorkDir: test.workDir, Env: map[string]string{"GC_CITY": test.city}}}
			launch := wire.Launch{WorkDir: test.workDir, Env: map[string]string{"GC_DIR": "/somewhere"}}
			if err := adapt(&launch, &start, testSettings); err != nil {
				t.Fatal(err)
			}
			if launch.WorkDir != test.want || launch.Env["GC_DIR"] != test.want || !launch.MakeWorkDir {
				t.Errorf("the work dir is %q and GC_DIR %q, want %q, made if it is missing: %t", launch.WorkDir, launch.Env["GC_DIR"], test.want, launch.MakeWorkDir)
			}
		})
	}
}

func TestTheAgentsEnvironmentInThePod(t *testing.T) {
	t.Parallel()
	dolt := func(host, port string) map[string]string {
		return map[string]string{"GC_DOLT_HOST": host, "GC_DOLT_PORT": port, "BEADS_DOLT_SERVER_HOST": host, "BEADS_DOLT_SERVER_PORT": port}
	}
	inCluster := dolt("dolt.gc.svc", "3307")
	for name, test := range map[string]struct{ env, want map[string]string }{
		"nothing": {nil, map[string]string{}},
		"paths": {
			map[string]string{
				"GC_CITY": "/c", "GC_CITY_PATH": "/c", "GC_DIR": "/c/rig", "GC_STORE_ROOT": "/c/s", "GC_RIG_ROOT": "/c/r", "BEADS_DIR": "/c/r/.beads",
				"GT_ROOT": "/c", "GC_CITY_RUNTIME_DIR": "/c/.gc/runtime", "GC_PACK_DIR": "/c/p", "GC_PACK_NAME": "p", "GC_PACK_STATE_DIR": "/c/.gc/p",
			},
			map[string]string{
				"GC_CITY": "/workspace", "GC_CITY_PATH": "/workspace", "GC_DIR": "/workspace/rig", "GC_STORE_ROOT": "/workspace/s", "GC_RIG_ROOT": "/workspace/r",
				"BEADS_DIR": "/workspace/r/.beads", "GT_ROOT": "/workspace", "GC_CITY_RUNTIME_DIR": "/workspace/.gc/runtime", "GC_PACK_DIR": "/workspace/p",
				"GC_PACK_NAME": "p", "GC_PACK_STATE_DIR": "/workspace/.gc/p",
			},
		},
		"what may mean something else is left":   {map[string]string{"PROMPT": "read /c/a", "GC_CITYX": "/c"}, map[string]string{"PROMPT": "read /c/a", "GC_CITYX": "/c"}},
		"a city's path alone":                    {map[string]string{"GC_CITY_PATH": "/c"}, map[string]string{"GC_CITY_PATH": "/workspace", "GC_CITY": "/workspace", "GC_DIR": "/workspace/rig"}},
		"Dolt's port alone":                      {map[string]string{"GC_DOLT_PORT": "40001"}, inCluster},
		"Dolt on the laptop":                     {map[string]string{"GC_DOLT_HOST": "127.0.0.1", "GC_DOLT_PORT": "40001"}, inCluster},
		"Dolt on another loopback address":       {map[string]string{"GC_DOLT_HOST": "127.1.2.3", "GC_DOLT_PORT": "40001"}, inCluster},
		"Dolt on localhost":                      {map[string]string{"GC_DOLT_HOST": "LocalHost", "GC_DOLT_PORT": "40001"}, inCluster},
		"Dolt on localhost, fully said":          {map[string]string{"GC_DOLT_HOST": "localhost.", "GC_DOLT_PORT": "40001"}, inCluster},
		"Dolt on IPv6's loopback":                {map[string]string{"GC_DOLT_HOST": "::1", "GC_DOLT_PORT": "40001"}, inCluster},
		"Dolt on IPv6's loopback, in brackets":   {map[string]string{"GC_DOLT_HOST": "[::1]", "GC_DOLT_PORT": "40001"}, inCluster},
		"Dolt on all of the laptop's addresses":  {map[string]string{"GC_DOLT_HOST": "0.0.0.0", "GC_DOLT_PORT": "40001"}, inCluster},
		"Dolt elsewhere":                         {map[string]string{"GC_DOLT_HOST": "db.example", "GC_DOLT_PORT": "3306"}, dolt("db.example", "3306")},
		"Dolt at an address":                     {map[string]string{"GC_DOLT_HOST": "10.0.0.1", "GC_DOLT_PORT": "3306"}, dolt("10.0.0.1", "3306")},
		"no Dolt":                                {map[string]string{"BEADS_DOLT_SERVER_HOST": "127.0.0.1", "BEADS_DOLT_SERVER_PORT": "40001"}, map[string]string{}},
		"the beads' Dolt gives way to the other": {map[string]string{"BEADS_DOLT_SERVER_HOST": "x", "GC_DOLT_HOST": "db", "GC_DOLT_PORT": "1"}, dolt("db", "1")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := maps.Clone(test.env)
			launch := wire.Launch{Env: test.env}
			if err := adapt(&launch, &wire.Start{StartConfig: wire.StartConfig{Env: test.env, WorkDir: "/c/rig"}}, testSettings); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(launch.Env, test.want) {
				t.Errorf("got  %v\nwant %v", launch.Env, test.want)
			}
			if !maps.Equal(test.env, given) {
				t.Errorf("the start's own environment became %v", test.env)
			}
		})
	}
}

func TestADoltHostNeedsAPort(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"db", "127.0.0.1", "localhost"} {
		err := adapt(&wire.Launch{Env: map[string]string{"GC_DOLT_HOST": host}}, &wire.Start{}, testSettings)
		if want := `GC_DOLT_HOST is "` + host + `" and GC_DOLT_PORT is not set: set both, or neither`; wire.CodeOf(err) != wire.CodeBadRequest || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestAnAdaptationNeedsSettings(t *testing.T) {
	t.Parallel()
	launch := wire.Launch{Command: "x"}
	if err := (&Backend{}).Adapt(&launch, &wire.Start{}); wire.CodeOf(err) != wire.CodeBadRequest {
		t.Errorf("without an image: got %v", err)
	}
	if err := (&Backend{}).Adapt(&launch, &wire.Start{BaseEnv: []string{"GC_K8S_IMAGE=i"}}); err != nil || launch.WorkDir != workspace {
		t.Errorf("got %v, %+v", err, launch)
	}
}

func TestTheLongestSpellingComesFirst(t *testing.T) {
	t.Parallel()
	var c city
	for _, dir := range []string{"/bb", "/a", "/bb", "/cccc", "/ddd"} {
		c.add(dir)
	}
	if want := (city{"/cccc", "/ddd", "/bb", "/a"}); !slices.Equal(c, want) {
		t.Errorf("got %q, want %q", c, want)
	}
}
