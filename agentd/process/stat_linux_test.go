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
		got, err := parseStat("12 (" + comm + ") S 34 56 78 90")
		if want := (Status{Comm: comm, State: 'S', Parent: 34, Session: 78}); err != nil || got != want {
			t.Errorf("%q: %+v, %v", comm, got, err)
		}
	}
	for _, line := range []string{"", ")", ")(", "12 (sh", "12 (sh) S", "12 (sh) S 34 56", "12 (sh) SS 34 56 78", "12 (sh) \x00 34 56 78", "12 (sh) S x 56 78"} {
		if got, err := parseStat(line); err == nil {
			t.Errorf("%q: %+v", line, got)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("12 (sh) S 34 56 78")
	f.Add(")(")
	f.Fuzz(func(t *testing.T, line string) {
		if s, err := parseStat(line); err == nil && s.State == 0 {
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
