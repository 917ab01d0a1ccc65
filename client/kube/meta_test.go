package kube

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// What the watch has not told of yet is read back all the same.
func TestWhatWasJustMirroredIsRead(t *testing.T) {
	t.Parallel()
	b := newBackend(t, api(func(r *http.Request, body []byte) (int, any) {
		if r.Method != http.MethodPatch {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		var patch corev1.Pod
		if err := json.Unmarshal(body, &patch); err != nil {
			t.Error(err)
		}
		changed := podOf("s", "1")
		changed.ResourceVersion, changed.Annotations = "2", patch.Annotations
		return http.StatusOK, changed
	}))
	pod := podOf("s", "1")
	b.pods.put(pod)
	e := b.endpoint(pod)
	want := map[string]string{"GC_DRAIN_ACK": "yes"}
	if err := e.Mirror(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	if got, err := e.Meta(t.Context()); err != nil || !maps.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestALargeValueKeepsNoOtherOutOfTheMirror(t *testing.T) {
	t.Parallel()
	small := map[string]string{"GC_DRAIN_ACK": "1", "empty": ""}
	if kept, left := fitting(small); !maps.Equal(kept, small) || left != nil {
		t.Errorf("kept %q, left %q", kept, left)
	}
	large := maps.Clone(small)
	large["huge"], large["big"], large["half"] = strings.Repeat("x", 200<<10), strings.Repeat("x", 161<<10), strings.Repeat("x", 80<<10)
	kept, left := fitting(large)
	if kept["GC_DRAIN_ACK"] != "1" || len(kept["half"]) == 0 || !slices.Equal(left, []string{"huge", "big"}) {
		t.Errorf("kept %d, left %q", len(kept), left)
	}
	if len(large) != 5 {
		t.Error("the metadata itself was changed")
	}
}
