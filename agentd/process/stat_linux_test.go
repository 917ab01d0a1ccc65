package process

import (
	"os"
	"os/exec"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

func TestParseStatTakesAnyComm(t *testing.T) {
	t.Parallel()
	for _, comm := range []string{"sh", "", "a b", "a) R 1 (b", "x)"} {
		got, state, parent, session, err := parseStat("12 (" + comm + ") S 34 56 78 90")
		if err != nil || got != comm || state != 'S' || parent != 34 || session != 78 {
			t.Errorf("%q: %q %c %d %d, %v", comm, got, state, parent, session, err)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("12 (sh) S 34 56 78")
	f.Add(")(")
	f.Fuzz(func(t *testing.T, line string) {
		if _, state, _, _, err := parseStat(line); err == nil && state == 0 {
			t.Errorf("%q: no state", line)
		}
	})
}

func TestWhatWasStartedToOutliveTheAgentIsNoneOfIt(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setsid"); err != nil {
		if os.Getenv("AGENTD_REQUIRE_ALL") != "" {
			t.Fatal("setsid is not installed")
		}
		t.Skip("setsid is not installed")
	}
	// Both lead a session, and both end with their input; the first has a child of its own.
	root := start(t, `exec 3<&0; `+wire.DetachedEnv+`=1 setsid sh -c 'cat; :' <&3 & setsid cat <&3 & echo up; wait`)
	waitFor(t, func() bool {
		pids, err := Tree(root)
		return err == nil && len(pids) == 2 // the shell and the second
	})
}
