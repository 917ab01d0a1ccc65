// Package lastwords is what agentd leaves in its container's termination message, which Kubernetes keeps with the pod's status: in the first line the metadata, for
// clients, and the agent's last screen, for people. It is all that can be read of an agent that ended while no client was linked.
package lastwords

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// Limit bounds a message, in bytes. The kubelet reads 4096 of a container, and keeps of them what is its share of the pod's 12 KiB: the first 3072 with four
	// containers, as a mesh's and its init container make them. There the message is whole, so that people see the screen's end.
	Limit = 3 << 10
	// metaLimit bounds the line of metadata, which survives a cut to 2048 bytes, of a pod with six containers, and leaves some of the screen beside it.
	metaLimit = 3 << 9
	// metaPrefix begins the line of metadata, of which the rest is a JSON object.
	metaPrefix = "agentd metadata: "
)

// Message gives the termination message: the metadata unless they are nil, and as many of the last lines of the screen as fit. The metadata come first, as what is
// cut off a message is its end.
func Message(screen []string, meta map[string]string) string {
	line := metaLine(meta)
	room, text := Limit-len(line), ""
	for i := len(screen) - 1; i >= 0; i-- {
		if len(screen[i])+1+len(text) > room {
			if text == "" {
				text = cutFront(screen[i], room-1) + "\n"
			}
			break
		}
		text = screen[i] + "\n" + text
	}
	return line + text
}

// cutFront drops what is over limit bytes from the front, whole characters at a time.
func cutFront(text string, limit int) string {
	from := max(0, len(text)-limit)
	for from < len(text) && !utf8.RuneStart(text[from]) {
		from++
	}
	return text[from:]
}

// metaLine gives the line of metadata, empty when there are none, or too many. The largest values of what is too much are null in it: all the rest is not to be
// lost for them.
func metaLine(meta map[string]string) string {
	if meta == nil {
		return ""
	}
	type entry struct{ key, value string } // as JSON
	entries, size := make([]entry, 0, len(meta)), len(metaPrefix)+len("{}\n")
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		e := entry{quote(key), quote(meta[key])}
		entries, size = append(entries, e), size+len(e.key)+len(e.value)+len(":,")
	}
	largest := make([]*entry, len(entries))
	for i := range entries {
		largest[i] = &entries[i]
	}
	slices.SortStableFunc(largest, func(a, b *entry) int { return cmp.Compare(len(b.value), len(a.value)) })
	const none = "null"
	for ; size > metaLimit; largest = largest[1:] {
		if len(largest) == 0 || len(largest[0].value) <= len(none) {
			return "" // their keys alone are too much
		}
		size -= len(largest[0].value) - len(none)
		largest[0].value = none
	}
	pairs := make([]string, len(entries))
	for i, e := range entries {
		pairs[i] = e.key + ":" + e.value
	}
	return metaPrefix + "{" + strings.Join(pairs, ",") + "}\n"
}

// quote gives a string as JSON.
func quote(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // which costs room
	_ = e.Encode(s)        // a string always can be
	return strings.TrimSuffix(b.String(), "\n")
}

// Meta is the metadata that a message holds: nil stands for a value that was too large.
type Meta map[string]*string

// Parse reads the metadata from a message, whose first line they are. It is false when that holds none.
func Parse(message string) (Meta, bool) {
	first, _, _ := strings.Cut(message, "\n")
	line, is := strings.CutPrefix(first, metaPrefix)
	var m Meta
	if !is || json.Unmarshal([]byte(line), &m) != nil || m == nil {
		return nil, false
	}
	return m, true
}

// Whole says that no value was too large.
func (m Meta) Whole() bool {
	for _, value := range m {
		if value == nil {
			return false
		}
	}
	return true
}

// Over gives the metadata with those values that the message has no room for as they were known before.
func (m Meta) Over(known map[string]string) map[string]string {
	meta := make(map[string]string, len(m))
	for key, value := range m {
		if value != nil {
			meta[key] = *value
		} else if before, ok := known[key]; ok {
			meta[key] = before
		}
	}
	return meta
}
