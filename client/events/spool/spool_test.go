package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func add(t *testing.T, s *Spool, e Entry) {
	t.Helper()
	if err := s.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func claim(t *testing.T, s *Spool) *Delivery {
	t.Helper()
	d, err := s.Claim()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Release)
	return d
}

// take takes all entries out.
func take(t *testing.T, d *Delivery) string {
	t.Helper()
	var all []string
	for {
		e, err := d.First()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			return strings.Join(all, " ")
		}
		all = append(all, fmt.Sprintf("%s/%d/%s", e.Mark, e.Seq, e.Event))
		if err := d.Done(e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsKeptComesOutInOrder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	s := Open(dir)
	if empty, err := s.Empty(); !empty || err != nil {
		t.Errorf("a new one is empty: %v, %v", empty, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the folder was made for nothing")
	}
	var want []string
	for i := range 12 { // two digits
		mark := fmt.Sprintf("m%d", i)
		add(t, Open(dir), Entry{Mark: mark, Event: []byte("{ \"x\" :1.0,\"y\":\"\u2028<\"}"), Seq: uint64(i % 2)})
		want = append(want, fmt.Sprintf("%s/%d/{ \"x\" :1.0,\"y\":\"\u2028<\"}", mark, i%2))
	}
	if got := take(t, claim(t, s)); got != strings.Join(want, " ") {
		t.Errorf("out come %s\nwant %s", got, strings.Join(want, " "))
	}
	if empty, err := s.Empty(); !empty || err != nil {
		t.Errorf("then it is empty: %v, %v", empty, err)
	}
}

func TestManyAppendAtOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "spool")
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			if err := Open(dir).Append(t.Context(), Entry{Mark: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := strings.Fields(take(t, claim(t, Open(dir)))); len(got) != 30 {
		t.Errorf("of 30 there are %d: %v", len(got), got)
	}
}

func TestOneDelivers(t *testing.T) {
	t.Parallel()
	s := Open(filepath.Join(t.TempDir(), "spool"))
	d, err := s.Claim()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Claim(); !errors.Is(err, ErrHeld) {
		t.Errorf("a second one: %v", err)
	}
	d.Release()
	claim(t, s)
}

func TestAfterACrash(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		crash func(t *testing.T, dir string)
		want  string
	}{
		"while one was being appended":   {func(t *testing.T, dir string) { torn(t, filepath.Join(dir, "0000000000000003.event.new")) }, "a/0/A b/0/B"},
		"while a number was being noted": {func(t *testing.T, dir string) { torn(t, filepath.Join(dir, "0000000000000001.event.new")) }, "a/0/A b/0/B"},
		"with a number noted": {func(t *testing.T, dir string) {
			d, err := Open(dir).Claim()
			if err != nil {
				t.Fatal(err)
			}
			defer d.Release()
			e, err := d.First()
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Reserve(e, 7); err != nil {
				t.Fatal(err)
			}
		}, "a/7/A b/0/B"},
		"with one taken out": {func(t *testing.T, dir string) {
			d, err := Open(dir).Claim()
			if err != nil {
				t.Fatal(err)
			}
			defer d.Release()
			e, err := d.First()
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Done(e); err != nil {
				t.Fatal(err)
			}
		}, "b/0/B"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "spool")
			add(t, Open(dir), Entry{Mark: "a", Event: []byte("A")})
			add(t, Open(dir), Entry{Mark: "b", Event: []byte("B")})
			test.crash(t, dir)
			add(t, Open(dir), Entry{Mark: "c", Event: []byte("C")})
			if got := take(t, claim(t, Open(dir))); got != test.want+" c/0/C" {
				t.Errorf("there is %s, want %s c/0/C", got, test.want)
			}
		})
	}
}

func torn(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(`{"mark":"t`), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedEntryIsPutAside(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "spool")
	s := Open(dir)
	add(t, s, Entry{Mark: "a"})
	add(t, s, Entry{Mark: "b"})
	torn(t, filepath.Join(dir, "0000000000000001.event"))
	d := claim(t, s)
	if _, err := d.First(); err == nil || !strings.Contains(err.Error(), "0000000000000001.event is damaged") {
		t.Errorf("it is told so: %v", err)
	}
	if got := take(t, d); got != "b/0/" {
		t.Errorf("the others are %s", got)
	}
	if aside, err := os.ReadDir(filepath.Join(dir, rejected)); err != nil || len(aside) != 1 {
		t.Errorf("aside is %v, %v", aside, err)
	}
}
