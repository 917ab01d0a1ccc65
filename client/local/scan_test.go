package local

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gascity/agentd/client/hub"
)

func TestAScanIsCheapAndMissesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.another(w.config.Agentd)
	scanned := func() []string {
		all, err := other.Scan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, ep := range all {
			names = append(names, ep.Record().Name)
		}
		slices.Sort(names)
		return names
	}
	// Right after each other, when the folder's time stamp may not tell them apart.
	var want []string
	for _, name := range []string{"a", "b", "c"} {
		if got := scanned(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		w.launched(name)
		want = append(want, name)
	}
	if got := scanned(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	ep, err := w.Find(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	if err := ep.Remove(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if got, want := scanned(), []string{"a", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// Once the folder has been at rest it is not read again.
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(w.dirs.Sessions(), before, before); err != nil {
		t.Fatal(err)
	}
	first, err := other.Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if second, err := other.Scan(t.Context()); err != nil || &first[0] != &second[0] {
		t.Errorf("read again, %v", err)
	}
}

func TestAScanSweepsOutOnlyWhatIsOld(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, young := filepath.Join(w.dirs.Sessions(), unfinished+"old"), filepath.Join(w.dirs.Sessions(), unfinished+"young")
	for _, dir := range []string{old, young} {
		if err := os.MkdirAll(filepath.Join(dir, "state"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	then := time.Now().Add(-2 * leftTime)
	if err := os.Chtimes(old, then, then); err != nil {
		t.Fatal(err)
	}
	if all, err := w.Scan(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("sessions %v, %v", all, err)
	}
	if exists(old) || !exists(young) {
		t.Errorf("the old one is there: %t, the young one: %t", exists(old), exists(young))
	}
}

func TestADamagedRecordHidesNoOtherSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.launched("sound")
	broken := w.launched("broken")
	if err := os.WriteFile(filepath.Join(broken.state, recordFile), []byte(`{"name":`), 0o600); err != nil {
		t.Fatal(err)
	}
	// Whoever knew it before still does.
	w.inspect(broken, hub.Reachable)
	other := w.another(w.config.Agentd)
	if all, err := other.Scan(t.Context()); err != nil || len(all) != 1 || all[0].Record().Name != "sound" {
		t.Errorf("sessions %v, %v", all, err)
	}
	found, err := other.Find(t.Context(), "broken")
	if err != nil || found == nil {
		t.Fatal(found, err)
	}
	w.inspect(found, hub.HalfMade)
	pid := broken.Record().PID
	if err := found.Remove(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if exists(broken.state) || exists(broken.run) || isAlive(pid, startOf(pid)) {
		t.Error("something of it is left")
	}
}
