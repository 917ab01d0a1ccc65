package lastwords

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAMessageHoldsTheScreenAndTheMetadata(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 3000)
	large := strings.Repeat("x", 5000)
	known := map[string]string{"GC_DRAIN_ACK": "no", "large": "older", "gone": "1"}
	many := map[string]string{}
	for i := range 400 {
		many[fmt.Sprint("KEY_", i)] = "1"
	}
	for name, test := range map[string]struct {
		screen  []string
		meta    map[string]string
		message string // how it begins
		want    map[string]string
	}{
		"both":                         {[]string{"one", "two"}, map[string]string{"GC_DRAIN_ACK": "yes", "b": "<&>"}, "agentd metadata: {\"GC_DRAIN_ACK\":\"yes\",\"b\":\"<&>\"}\none\ntwo\n", map[string]string{"GC_DRAIN_ACK": "yes", "b": "<&>"}},
		"a screen alone":               {[]string{"one", "two"}, nil, "one\ntwo\n", nil},
		"metadata alone":               {nil, map[string]string{"a": "line 1\nline 2\t\"\\"}, "agentd metadata: ", map[string]string{"a": "line 1\nline 2\t\"\\"}},
		"nothing":                      {nil, nil, "", nil},
		"metadata that were removed":   {[]string{"one"}, map[string]string{}, "agentd metadata: {}\none\n", map[string]string{}},
		"a long line":                  {[]string{"before", long}, map[string]string{"a": "1"}, "agentd metadata: {\"a\":\"1\"}\né", map[string]string{"a": "1"}},
		"more lines than have room":    {strings.Split(strings.Repeat("line ,", 1000)+"last", ","), map[string]string{"a": "1"}, "agentd metadata: {\"a\":\"1\"}\nline \n", map[string]string{"a": "1"}},
		"a value that is too large":    {[]string{"one"}, map[string]string{"GC_DRAIN_ACK": "yes", "large": large}, "agentd metadata: {", map[string]string{"GC_DRAIN_ACK": "yes", "large": "older"}},
		"one that nobody knew before":  {[]string{"one"}, map[string]string{"GC_DRAIN_ACK": "yes", "new": large}, "agentd metadata: {", map[string]string{"GC_DRAIN_ACK": "yes"}},
		"more keys than have room":     {[]string{"one"}, many, "one\n", nil},
		"more than one value too many": {[]string{"one"}, map[string]string{"a": large, "b": strings.Repeat("y", 1000), "c": strings.Repeat("z", 1000)}, "agentd metadata: {", map[string]string{"c": strings.Repeat("z", 1000)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := Message(test.screen, test.meta)
			if len(message) > Limit || !utf8.ValidString(message) || !strings.HasPrefix(message, test.message) {
				t.Errorf("the message has %d bytes: %.300q", len(message), message)
			}
			got, ok := Parse(message)
			if ok != (test.want != nil) || ok && !maps.Equal(got.Over(known), test.want) {
				t.Errorf("read back is %.300q, %v", got.Over(known), ok)
			}
			if n := len(test.screen); n > 0 && !strings.Contains(message, test.screen[n-1][max(0, len(test.screen[n-1])-500):]+"\n") {
				t.Errorf("the end of the screen is missing: %.300q", message)
			}
		})
	}
}

func TestWhatIsNoMetadataIsNotTakenForIt(t *testing.T) {
	t.Parallel()
	for _, message := range []string{
		"", "\n", "agentd metadata: ", "agentd metadata: null", "agentd metadata: []", "agentd metadata: {", `agentd metadata: {"a":1}`, `agentd metadata: {"a":"1"} more`,
		"the screen before it\nagentd metadata: {}\n", "\nagentd metadata: {}\n", " agentd metadata: {}", "The container could not be located when the pod was terminated", `{"a":"1"}`, "agentd metadata: {\n}\n",
	} {
		if got, ok := Parse(message); ok {
			t.Errorf("%q was read as %v", message, got)
		}
	}
}

// The kubelet keeps the first 12 KiB / n of the message of a pod with n containers.
func TestMetadataSurviveWhatManyContainersLeaveOfAMessage(t *testing.T) {
	t.Parallel()
	screen := strings.Split(strings.Repeat("é line of the screen,", 300)+"the reason", ",")
	for name, meta := range map[string]map[string]string{
		"few":              {"GC_DRAIN_ACK": "yes"},
		"many":             {"GC_DRAIN_ACK": "yes", "a": strings.Repeat("x", 600), "b": strings.Repeat("y", 600), "c": strings.Repeat("é", 100)},
		"one is too large": {"GC_DRAIN_ACK": "yes", "a": strings.Repeat("x", 1400), "large": strings.Repeat("y", 1500)},
		"quoted":           {"GC_DRAIN_ACK": "yes", "a": strings.Repeat("\x01", 230)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			message := Message(screen, meta)
			want := maps.Clone(meta)
			delete(want, "large")
			for _, kept := range []int{4096, 3072, 2048} {
				cut := message[:min(kept, len(message))]
				if got, ok := Parse(cut); !ok || !maps.Equal(got.Over(nil), want) {
					t.Errorf("of %d bytes was read %.300q, %v", kept, got.Over(nil), ok)
				}
				if kept >= 3072 && !strings.HasSuffix(cut, "the reason\n") {
					t.Errorf("of %d bytes the screen's end is missing: %q", kept, cut[len(cut)-50:])
				}
				if text := cut[strings.IndexByte(cut, '\n'):]; len(text) < 500 {
					t.Errorf("of %d bytes the screen has %d", kept, len(text))
				}
			}
		})
	}
}

// Anything may stand in a container's termination message: an agent can write there, too.
func FuzzParse(f *testing.F) {
	for _, message := range []string{"", "words\n", Message([]string{"one", "two"}, map[string]string{"a": "1", "b": strings.Repeat("x", 4000)}), "agentd metadata: {\"a\":null}", "agentd metadata: {\"\\ud800\":\"\xff\"}"} {
		f.Add(message)
	}
	f.Fuzz(func(t *testing.T, message string) {
		meta, ok := Parse(message)
		if ok != (meta != nil) {
			t.Fatalf("%q: %v, %v", message, meta, ok)
		}
		again, ok := Parse(Message(strings.Split(message, "\n"), meta.Over(nil)))
		if meta == nil || !ok { // more of it than has room
			return
		}
		for key, value := range meta.Over(nil) {
			if again[key] != nil && *again[key] != value {
				t.Errorf("%q became %q", value, *again[key])
			}
		}
	})
}
