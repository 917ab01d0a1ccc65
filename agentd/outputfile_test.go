package agentd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOutputFileKeepsOneOldFileAndCutsNoWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agent.log")
	o, err := openOutputFile(path, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"one\n", "two\n", "three\n", "four\n", "longer than the limit\n", "last\n"} {
		if _, err := o.Write([]byte(line)); err != nil {
			t.Fatalf("write %q: %v", line, err)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{path: "last\n", path + ".1": "longer than the limit\n"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", filepath.Base(name), got, err, want)
		}
	}
}

func TestOutputFileGoesOnWhereAnEarlierProcessEnded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agent.log")
	for _, line := range []string{"12345\n", "678\n", "9\n"} {
		o, err := openOutputFile(path, 10)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{path + ".1": "12345\n678\n", path: "9\n"} {
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s holds %q (%v), want %q", filepath.Base(name), got, err, want)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v (%v), want 0600: the agent's output may hold secrets", info.Mode(), err)
	}
}

func TestOutputFileGivesItsLastLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxLogged/2)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                        {"", nil},
		"a few":                          {"one\n\nthree\n", []string{"one", "", "three"}},
		"more than is asked for":         {"first\n" + long + "\n" + long + "\nlast\n", []string{long, "last"}},
		"a last line that was torn off ": {"one\ntw", []string{"one"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "agent.log")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			o, err := openOutputFile(path, maxOutputFile)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			got, err := o.lastLines()
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%d lines (%v), want %d", len(got), err, len(c.want))
			}
		})
	}
}
