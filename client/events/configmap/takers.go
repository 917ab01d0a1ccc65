package configmap

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// annotationTakers on the counter tells who took the last numbers, as a JSON array of swaps. A swap whose answer was lost, or whose hub was killed before it
// could tell anybody, has worked all the same: whoever repeats the record finds its number here. Else it would take another, and readers wait for the first.
const annotationTakers = "agentd.gascity.dev/takers"

// swap is one change of the counter.
type swap struct {
	First uint64 `json:"first"` // number that was taken
	At    int64  `json:"at"`    // milliseconds since 1970 by the taker's clock: who repeats a record has the same one
	// Takers are the events that have the numbers from First on.
	Takers []string `json:"takers"`
}

// maxTakers is how many takers are kept, of earlier swaps and the last one: of the last half second where a hundred events are recorded in one. Where each
// has a swap of its own they take 4 KiB.
const maxTakers = 64

// taker is an event's mark in 11 bytes. Should two marks have the same, then the second finds the number taken, and takes another.
func taker(mark string) string {
	sum := sha256.Sum256([]byte(mark))
	return base64.RawURLEncoding.EncodeToString(sum[:8])
}

// setTakers notes who takes the numbers from first on.
func setTakers(cm *corev1.ConfigMap, first uint64, now time.Time, takers []string) {
	all := append(lastSwaps(cm), swap{First: first, At: now.UnixMilli(), Takers: takers})
	n := 0
	for _, s := range all {
		n += len(s.Takers)
	}
	for len(all) > 1 && n > maxTakers {
		n -= len(all[0].Takers)
		all = all[1:]
	}
	text, err := json.Marshal(all)
	if err != nil {
		return // of such a type it can't be
	}
	if cm.Annotations == nil {
		cm.Annotations = map[string]string{}
	}
	cm.Annotations[annotationTakers] = string(text)
}

// lastSwaps reads what is noted. What can't be read is nothing.
func lastSwaps(cm *corev1.ConfigMap) []swap {
	var all []swap
	if json.Unmarshal([]byte(cm.Annotations[annotationTakers]), &all) != nil {
		return nil
	}
	return all
}

// lastTakers gives the numbers that were taken last, by their takers.
func lastTakers(cm *corev1.ConfigMap) map[string]reservation {
	all := map[string]reservation{}
	for _, s := range lastSwaps(cm) {
		for i, who := range s.Takers {
			all[who] = reservation{seq: s.First + uint64(i), at: time.UnixMilli(s.At)}
		}
	}
	return all
}
