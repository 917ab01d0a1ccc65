package contract_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listed are the names that list-running gives, sorted.
func (g *gc) listed(prefix string) []string {
	g.t.Helper()
	names := strings.FieldsFunc(g.ok("list-running", prefix), func(r rune) bool { return r == '\n' })
	slices.Sort(names)
	return names
}

func TestListRunningGivesOriginalNamesByPrefix(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		g.is("", "list-running", "")
		names := []string{"gc-a/worker.1", "gc-a worker", "gc-b", "Überprüfung-🙂"}
		for _, name := range names {
			g.start(name, config{"command": "cat"})
		}
		g.start("gc-ended", config{"command": "cat"})
		g.ok("send-keys", "gc-ended", "C-d")
		g.until("one has ended", func() bool { return g.ok("is-running", "gc-ended") == "false" })
		sorted := slices.Clone(names)
		slices.Sort(sorted)
		for prefix, want := range map[string][]string{
			"": sorted, "gc-a": {"gc-a worker", "gc-a/worker.1"}, "gc-b": {"gc-b"}, "Über": {"Überprüfung-🙂"}, "b": nil, "gc-e": nil, "*": nil,
		} {
			if got := g.listed(prefix); !slices.Equal(got, want) {
				t.Errorf("list-running %q gives %q, want %q", prefix, got, want)
			}
		}
		for _, name := range names {
			g.is("true", "is-running", name)
		}
	})
}

func TestNamesThatDifferAreDifferentSessions(t *testing.T) {
	everywhere(t, func(t *testing.T, g *gc) {
		for _, name := range []string{"a/b", "a-b", "A-b", "a_b"} {
			g.start(name, config{"command": "echo I am '" + name + "'; exec cat"})
		}
		for _, name := range []string{"a/b", "a-b", "A-b", "a_b"} {
			g.untilScreen(name, "I am "+name)
		}
	})
}

func TestListRunningIsLimitedToACityOnlyWhenToldSo(t *testing.T) {
	t.Parallel()
	g := newGC(t)
	east, west := g.path("east"), g.path("west")
	for _, city := range []string{east, west} {
		g.write("", filepath.Base(city), "city.toml")
	}
	g.start("e", config{"command": "cat", "env": map[string]string{"GC_CITY": east}})
	g.start("w", config{"command": "cat", "env": map[string]string{"GC_CITY_PATH": west}})
	g.start("none", config{"command": "cat"})

	link := filepath.Join(east, "bin", "provider")
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(programs, "gc-session-local"), link); err != nil {
		t.Fatal(err)
	}
	linked := *g
	linked.bin = g.path("linked")
	if err := os.MkdirAll(linked.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	// A folder outside every city holds a link to the link.
	if err := os.Symlink(link, filepath.Join(linked.bin, "gc-session-local")); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		gc   *gc
		env  string
		want []string
	}{
		"nothing said":                     {g, "", []string{"e", "none", "w"}},
		"gc's own variable":                {g, "GC_CITY=" + east, []string{"e", "none", "w"}},
		"GC_LOCAL_CITY":                    {g, "GC_LOCAL_CITY=" + west, []string{"w"}},
		"GC_K8S_CITY":                      {g, "GC_K8S_CITY=" + east + "/", []string{"e"}},
		"a city without sessions":          {g, "GC_LOCAL_CITY=/no/such/city", nil},
		"a link in the city":               {&linked, "", []string{"e"}},
		"a link in one, the other is said": {&linked, "GC_LOCAL_CITY=" + west, []string{"w"}},
	} {
		scoped := *test.gc
		scoped.env = append(slices.Clone(test.gc.env), test.env)
		if got := scoped.listed(""); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
