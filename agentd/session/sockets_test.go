package session

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestTheNamesThatGCGivesToItsSocket(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		toml string // of the city, "" for none
		env  map[string]string
		want []string
	}{
		"no city":            {"", nil, nil},
		"a relative one":     {"", map[string]string{"GC_CITY": "somewhere"}, nil},
		"one that gc tells":  {"", map[string]string{"GC_TMUX_SOCKET": "told"}, []string{"told"}},
		"the city's folder":  {"", map[string]string{"GC_CITY": "/no/such/town"}, []string{"town"}},
		"the workspace":      {"[workspace]\nname = \"my-city\" # ours\n", nil, []string{"my-city", "city"}},
		"in single quotes":   {"[ workspace ]\r\nname='my city'\r\n", nil, []string{"my city", "city"}},
		"a socket":           {"[session]\nsocket = \"s\"\n[workspace]\nname = \"w\"\n", nil, []string{"s", "w", "city"}},
		"another table's":    {"name = \"a\"\n[[agents]]\nname = \"b\"\nsocket = \"c\"\n", nil, []string{"city"}},
		"no string":          {"[workspace]\nname = 7\n[session]\nsocket = \"open\n", nil, []string{"city"}},
		"nothing of meaning": {"\x00[[[=\n=\"", nil, []string{"city"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := c.env
			if env == nil && name != "no city" {
				city := filepath.Join(t.TempDir(), "city")
				if err := os.Mkdir(city, 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(city, "city.toml"), []byte(c.toml), 0o600); err != nil {
					t.Fatal(err)
				}
				env = map[string]string{"GC_CITY": city}
			}
			got := slices.DeleteFunc(socketNames(func(name string) string { return env[name] }), func(s string) bool { return s == "" })
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzCityNames(f *testing.F) {
	f.Add("[workspace]\nname = \"my-city\"\n[session]\nsocket = 's'\n")
	f.Add("[workspace\nname='")
	f.Fuzz(func(_ *testing.T, text string) { cityNames(text) })
}
