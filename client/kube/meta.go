package kube

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/lastwords"
)

// What is known of an ended session's metadata is what hubs mirrored in an annotation while they were linked, and what agentd left with the pod's status at the end,
// linked or not. The latter is never older. From the first change after the end on the annotation alone counts.

// Meta gives the metadata that the session left.
func (e *endpoint) Meta(ctx context.Context) (map[string]string, error) {
	pod, err := e.current(ctx)
	if err != nil {
		return nil, err
	}
	if pod == nil {
		return nil, wire.Errorf(wire.CodeNoSession, "no session %q", e.record.Name)
	}
	return leftMeta(pod, nil, nil)
}

// Complete says whether that is known to be the last that there was to say, with no value missing.
func (e *endpoint) Complete(ctx context.Context) bool {
	pod, err := e.current(ctx)
	return pod != nil && err == nil && complete(pod)
}

// Told gives what is left, with what a hub was told. Until the end is reported, what agentd left is not known yet, and that hub knows most.
func (e *endpoint) Told(ctx context.Context, told, mirrored map[string]string) map[string]string {
	if pod, err := e.current(ctx); pod != nil && err == nil && reported(pod) {
		if meta, err := leftMeta(pod, told, mirrored); err == nil {
			return meta
		}
	}
	return told
}

// MirrorTold keeps that in the annotation, unless others know more.
func (e *endpoint) MirrorTold(ctx context.Context, told, mirrored map[string]string) error {
	return e.changeLeft(ctx, func(pod *corev1.Pod) (map[string]string, error) {
		kept, err := parseMeta(pod)
		if _, left := lastMeta(pod); err != nil || complete(pod) || !left && overtaken(kept, mirrored) {
			return nil, err
		}
		meta, err := leftMeta(pod, told, mirrored)
		return e.fit(meta), err
	})
}

// leftMeta puts together the metadata of a session that has ended, or is about to. A hub that asks gives what it was told last, and what it has mirrored of that
// last, nil when nothing. agentd itself left newer values, except those it had no room for: a hub's counts instead where the mirror holds nothing newer. Where
// agentd left none, all that the hub was told counts, unless another has mirrored since.
func leftMeta(pod *corev1.Pod, told, mirrored map[string]string) (map[string]string, error) {
	kept, err := parseMeta(pod)
	last, left := lastMeta(pod)
	switch {
	case err != nil || changedSince(pod):
		return kept, err
	case !left && (told == nil || overtaken(kept, mirrored)):
		return kept, nil
	case !left:
		return told, nil
	}
	written, _ := fitting(mirrored)
	for key, value := range told {
		before, was := written[key]
		if now, is := kept[key]; mirrored == nil || is == was && now == before {
			kept[key] = value
		}
	}
	return last.Over(kept), nil
}

// overtaken says that what is kept is not what a hub has mirrored last: another has since, and knows the agent's last words.
func overtaken(kept, mirrored map[string]string) bool {
	written, _ := fitting(mirrored)
	return mirrored != nil && !maps.Equal(kept, written)
}

// complete says that agentd left all, or that the metadata were changed after the end.
func complete(pod *corev1.Pod) bool {
	last, left := lastMeta(pod)
	return left && last.Whole() || changedSince(pod)
}

// changedSince says that the metadata were changed after the end.
func changedSince(pod *corev1.Pod) bool { return pod.Annotations[annotationMetaAfter] != "" }

// lastMeta gives what agentd left with the pod's status, if it did: one that was killed could not.
func lastMeta(pod *corev1.Pod) (lastwords.Meta, bool) {
	agent := agentStatus(pod)
	if agent == nil || agent.State.Terminated == nil {
		return nil, false
	}
	return lastwords.Parse(agent.State.Terminated.Message)
}

// parseMeta reads the mirror. A person may have edited it.
func parseMeta(pod *corev1.Pod) (map[string]string, error) {
	meta := map[string]string{}
	if text := pod.Annotations[annotationMeta]; text != "" {
		if err := json.Unmarshal([]byte(text), &meta); err != nil {
			return nil, wire.Errorf(wire.CodeFailed, "pod %q, annotation %s: %v", pod.Name, annotationMeta, err)
		}
	}
	if meta == nil { // it says null
		meta = map[string]string{}
	}
	return meta, nil
}

// Mirror keeps the metadata in an annotation.
func (e *endpoint) Mirror(ctx context.Context, meta map[string]string) error {
	err := e.annotate(ctx, map[string]*string{annotationMeta: new(metaText(e.fit(meta)))})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // another pod has its name
		return nil // nothing is left to keep it for
	}
	return err
}

// metaText gives metadata as the mirror has it.
func metaText(meta map[string]string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // which costs room
	_ = e.Encode(meta)     // strings always can be
	return strings.TrimSuffix(b.String(), "\n")
}

// maxMirrored bounds what is mirrored, in bytes of its text: a pod's annotations hold 256 KiB in all, others' included.
const maxMirrored = 200 << 10

// fit is fitting, and logs what is left out.
func (e *endpoint) fit(meta map[string]string) map[string]string {
	kept, left := fitting(meta)
	if len(left) > 0 {
		e.backend.log.Warn("metadata is too large to outlive its session", "session", e.record.Name, "keys", left)
	}
	return kept
}

// fitting leaves out the largest values of what is too much for a mirror, and names their keys: all the rest is not to be lost for them.
func fitting(meta map[string]string) (kept map[string]string, left []string) {
	size, sizes := 0, make(map[string]int, len(meta))
	for key, value := range meta {
		sizes[key] = len(metaText(map[string]string{key: value}))
		size += sizes[key]
	}
	if size <= maxMirrored {
		return meta, nil
	}
	kept = maps.Clone(meta)
	largestFirst := func(a, b string) int { return cmp.Or(cmp.Compare(sizes[b], sizes[a]), cmp.Compare(a, b)) }
	for _, key := range slices.SortedFunc(maps.Keys(meta), largestFirst) {
		if size <= maxMirrored {
			break
		}
		size -= sizes[key]
		delete(kept, key)
		left = append(left, key)
	}
	return kept, left
}

// reportTime bounds the wait for Kubernetes to tell of an agent's end that is known already. The kubelet takes a second or two.
const reportTime = 5 * time.Second

// ChangeMeta changes what an ended session left.
func (e *endpoint) ChangeMeta(ctx context.Context, change func(map[string]string)) error {
	return e.changeLeft(ctx, func(pod *corev1.Pod) (map[string]string, error) {
		meta, err := leftMeta(pod, nil, nil)
		if err == nil {
			change(meta)
		}
		return meta, err
	})
}

// changeLeft changes what an ended session left to what change makes of the pod; nil leaves it as it is.
func (e *endpoint) changeLeft(ctx context.Context, change func(*corev1.Pod) (map[string]string, error)) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	for waited := false; ; {
		pod, err := e.read(ctx)
		if err != nil {
			return err
		}
		if pod == nil {
			return wire.Errorf(wire.CodeNoSession, "no session %q", e.record.Name)
		}
		if !waited && !reported(pod) { // what agentd left comes with the report, and would not count after a change
			e.awaitReport(ctx)
			waited = true
			continue
		}
		meta, err := change(pod)
		if err != nil || meta == nil {
			return err
		}
		err = e.patch(ctx, map[string]any{
			"resourceVersion": pod.ResourceVersion, "annotations": map[string]string{annotationMeta: metaText(meta), annotationMetaAfter: "true"},
		})
		if !apierrors.IsConflict(err) {
			return e.backend.explain(fmt.Sprintf("annotate pod %q", e.name), err)
		}
	}
}

// reported says that Kubernetes has told of the end, or that the metadata were changed after it, so that what agentd left counts no more.
func reported(pod *corev1.Pod) bool { return ended(pod) || changedSince(pod) }

// awaitReport waits, for a moment, until the watch tells that the pod's end is reported, or the pod gone.
func (e *endpoint) awaitReport(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	for ctx.Err() == nil {
		pod, changed := e.watched()
		if pod == nil || reported(pod) {
			return
		}
		e.await(ctx, pod, changed, reportTime)
	}
}
