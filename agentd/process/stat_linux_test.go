package process

import "testing"

func TestParseStatTakesAnyComm(t *testing.T) {
	t.Parallel()
	for _, comm := range []string{"sh", "", "a b", "a) R 1 (b", "x)"} {
		got, state, parent, err := parseStat("12 (" + comm + ") S 34 56 78")
		if err != nil || got != comm || state != 'S' || parent != 34 {
			t.Errorf("%q: %q %c %d, %v", comm, got, state, parent, err)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("12 (sh) S 34 56")
	f.Add(")(")
	f.Fuzz(func(t *testing.T, line string) {
		if _, state, _, err := parseStat(line); err == nil && state == 0 {
			t.Errorf("%q: no state", line)
		}
	})
}
