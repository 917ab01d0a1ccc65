package front

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestStartSaysAlreadyExistsOfALiveDuplicateAlone(t *testing.T) {
	t.Parallel()
	taken := func(stderr string) bool { return strings.Contains(strings.ToLower(stderr), "already exists") }
	h := newHub(t, func(context.Context, *mux.Exchange) (any, error) {
		return nil, wire.Errorf(wire.CodeExists, "it lives")
	})
	if got := h.front("{}", "start", "a"); got.status != 1 || !taken(got.stderr) || strings.Count(got.stderr, "\n") != 1 {
		t.Errorf("a duplicate: %+v", got)
	}
	for _, text := range []string{"mkdir: folder already exists", "ALREADY EXISTS", "a\talready\texists", "already already exists exists", "AlreadyİxistsAlready Exists"} {
		h := newHub(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
			if err := x.Push(wire.Progress{Warning: text}); err != nil {
				return nil, err
			}
			return nil, wire.Errorf(wire.CodeFailed, "%s", text)
		})
		if got := h.front("{}", "start", "already exists"); got.status != 1 || taken(got.stderr) || strings.Count(got.stderr, "\n") != 2 {
			t.Errorf("%q: %+v", text, got)
		}
	}
	if got := runFront(t.Context(), noHub, nil, `{"command":"already exists`, "start", "a"); got.status != 1 || taken(got.stderr) {
		t.Errorf("broken JSON: %+v", got)
	}
}

func FuzzNoTextReadsAsADuplicate(f *testing.F) {
	f.Add("Already Exists")
	f.Add("alreadyalready existsexists")
	f.Add("already\nexists")
	f.Fuzz(func(t *testing.T, text string) {
		if got := withoutExists(wire.OneLine(text)); strings.Contains(strings.ToLower(got), "already exists") || strings.Contains(got, "\n") {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// The hub's folder is another than that of whoever asks.
func TestStartMeansRelativePathsHere(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(context.Context, *mux.Exchange) (any, error) { return wire.Launched{}, nil })
	in := `{"work_dir":"w","overlay_dir":"../o","pack_overlay_dirs":["p","/p"],"session_setup_script":"s.sh","copy_files":[{"src":"notes.md","rel_dst":"d/notes.md"}]}`
	if got := h.front(in, "start", "a"); got != (result{}) {
		t.Fatalf("got %+v", got)
	}
	var s wire.Start
	if err := json.Unmarshal(h.seen()[0].Body.(json.RawMessage), &s); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := wire.StartConfig{
		WorkDir: here + "/w", OverlayDir: filepath.Join(here, "../o"), PackOverlayDirs: []string{here + "/p", "/p"}, SessionSetupScript: here + "/s.sh",
		CopyFiles: []wire.CopyFile{{Src: here + "/notes.md", RelDst: "d/notes.md"}},
	}
	if !reflect.DeepEqual(s.StartConfig, want) {
		t.Errorf("the hub was asked for %+v, want %+v", s.StartConfig, want)
	}
}

func TestStartPassesOnWhatGcGave(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(context.Context, *mux.Exchange) (any, error) { return wire.Launched{}, nil })
	in := `{"work_dir":"/w","command":"bash","env":{"GC_CITY":"/no/such/city"},"process_names":["bash"],"nudge":"hi","future_field":[1]}`
	if got := h.front(in, "start", "a"); got != (result{}) {
		t.Fatalf("got %+v", got)
	}
	var s wire.Start
	if err := json.Unmarshal(h.seen()[0].Body.(json.RawMessage), &s); err != nil {
		t.Fatal(err)
	}
	if s.WorkDir != "/w" || s.Command != "bash" || s.Nudge != "hi" || s.City != "/no/such/city" || len(s.BaseEnv) == 0 {
		t.Errorf("the hub was asked for %+v", s)
	}
	if got := h.front("", "start", "a"); got != (result{}) {
		t.Errorf("no JSON at all: %+v, want success, as all of it is optional", got)
	}
}
