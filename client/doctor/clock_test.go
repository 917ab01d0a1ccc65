package doctor

import (
	"strings"
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 1, 2, 3, 4, 5, 600e6, time.UTC)
	ended := begun.Add(300 * time.Millisecond)
	for name, c := range map[string]struct {
		off    time.Duration
		status Status
		text   string
	}{
		"the same second":             {-600 * time.Millisecond, OK, "agrees"},
		"a little ahead":              {3 * time.Second, OK, "3s ahead of"},
		"a little behind":             {-5 * time.Second, OK, "4s behind"},
		"ahead, and tokens work":      {20 * time.Second, Warning, "20s ahead of"},
		"behind, and tokens work":     {-25 * time.Second, Warning, "24s behind"},
		"ahead, and tokens are void":  {2 * time.Minute, Failed, "2m0s ahead of"},
		"behind, and tokens are void": {-time.Hour, Failed, "59m59s behind"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := Clock("the server's", begun.Add(c.off), begun, ended)
			if f.Status != c.status || !strings.Contains(f.Text, c.text) || (f.Hint == "") != (c.status == OK) {
				t.Errorf("%+v, want %s, %q", f, c.status, c.text)
			}
		})
	}
}
