package session

import "testing"

func TestKillsForWantOfMemoryAreCountedByEitherVersionOfCgroups(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		"low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n": 2,
		"oom_kill_disable 0\nunder_oom 1\noom_kill 7\n":                7,
		"oom_kill_disable 0\nunder_oom 0\n":                            0,
		"oom_kill -1\n":                                                0,
		"":                                                             0,
	} {
		if got := parseOOMKills(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
