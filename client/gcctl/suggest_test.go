package gcctl

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"demo", "fix-login", "one-very-long-name", "Worker"}
	for name, want := range map[string]string{
		"dmeo":        "demo",      // letters swapped
		"deom":        "demo",      // and again
		"fix-logn":    "fix-login", // one left out
		"fix_login":   "fix-login",
		"one":         "one-very-long-name", // its beginning
		"WORKER":      "Worker",
		"nobody":      "",
		"x":           "",
		"":            "demo", // the beginning of every name
		"fix-lxxxxxx": "",
	} {
		if got := nearest(name, names); got != want {
			t.Errorf("for %q: %q, want %q", name, got, want)
		}
	}
	if got := nearest("demo", nil); got != "" {
		t.Errorf("of none: %q", got)
	}
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"kitten", "sitting", 3}, {"日本", "日木", 1}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("from %q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
