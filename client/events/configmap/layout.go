package configmap

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/client/events"
)

// The layout is that of gc's script, but for the mark.
const (
	counterName = "gc-events-seq"
	counterKey  = "seq"
	eventPrefix = "gc-evt-"
	eventKey    = "event"

	labelManagedBy = "app.kubernetes.io/managed-by"
	managedBy      = "gascity"
	labelComponent = "gc/component"
	isCounter      = "event-seq"
	isEvent        = "event"
	labelType      = "gc/type"
	labelActor     = "gc/actor"

	// annotationMark tells who stored an event under a number, when the answer got lost.
	annotationMark = "agentd.gascity.dev/event-mark"

	// maxLabel is Kubernetes' bound of a label's value, in bytes.
	maxLabel = 63
)

// selectEvents selects the events, selectAll them and the counter.
var (
	selectEvents = labelComponent + "=" + isEvent
	selectAll    = labelComponent + " in (" + isEvent + "," + isCounter + ")"
)

// eventName is the name of the ConfigMap of that number.
func eventName(seq uint64) string { return fmt.Sprintf("%s%010d", eventPrefix, seq) }

// eventSeq reads the number from a ConfigMap's name.
func eventSeq(name string) (uint64, bool) {
	digits, is := strings.CutPrefix(name, eventPrefix)
	if !is || digits == "" {
		return 0, false
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	return seq, err == nil && seq > 0
}

// newEvent is the ConfigMap of an event.
func newEvent(seq uint64, event []byte, mark string) (*corev1.ConfigMap, error) {
	numbered := events.Number(event, seq)
	e, err := events.Parse(numbered)
	if err != nil {
		return nil, err
	}
	labels := map[string]string{labelManagedBy: managedBy, labelComponent: isEvent}
	for name, text := range map[string]string{labelType: e.Type, labelActor: e.Actor} {
		if value := labelValue(text); value != "" {
			labels[name] = value
		}
	}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: eventName(seq), Labels: labels, Annotations: map[string]string{annotationMark: mark}},
		Data:       map[string]string{eventKey: string(numbered)},
	}, nil
}

// newCounter is the counter as it is made.
func newCounter(seq uint64) *corev1.ConfigMap {
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: counterName}}
	setCounter(cm, seq)
	return cm
}

// setCounter sets a counter's number, and gives it its labels back where another writer has left them out: it is watched by them.
func setCounter(cm *corev1.ConfigMap, seq uint64) {
	if cm.Labels == nil {
		cm.Labels = map[string]string{}
	}
	cm.Labels[labelManagedBy], cm.Labels[labelComponent] = managedBy, isCounter
	if cm.Data == nil {
		cm.Data = map[string]string{}
	}
	cm.Data[counterKey] = strconv.FormatUint(seq, 10)
}

// counterSeq reads a counter's number.
func counterSeq(cm *corev1.ConfigMap) (uint64, bool) {
	seq, err := strconv.ParseUint(strings.TrimSpace(cm.Data[counterKey]), 10, 64)
	return seq, err == nil
}

var notInLabel = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// labelValue makes a label's value of any text: empty where nothing of it can be in one. Labels are for people who look with kubectl, and several texts may
// have the same: what counts is in the JSON.
func labelValue(text string) string {
	value := strings.Trim(notInLabel.ReplaceAllString(text, "-"), "-._")
	return strings.TrimRight(value[:min(len(value), maxLabel)], "-._")
}
