package kube

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

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
