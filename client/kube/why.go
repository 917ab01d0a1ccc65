package kube

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
)

const (
	// whyTime bounds the search for reasons. Whoever waits for them has waited enough.
	whyTime = 3 * time.Second
	// maxWhy bounds what is told, in bytes.
	maxWhy = 1 << 10
	// maxEvents is how many of a pod's events are read at most.
	maxEvents = 500
	// lastEvents is how many of a pod's warnings are told.
	lastEvents = 3
	// lastWords is how many lines of a container's output are told.
	lastWords = 5
	// maxTail is how many lines of a container's output are read at most.
	maxTail = 10_000
)

// Why tells what is wrong with the pod, and what its warnings and the last words of its agentd say.
func (e *endpoint) Why(ctx context.Context) string {
	if e.foreign {
		return fmt.Sprintf("pod %q was not made by this program but, it seems, by the script gc-session-k8s; `kubectl -n %s exec -it %s -- tmux attach -t main` shows it",
			e.name, e.backend.target.Namespace, e.name)
	}
	evidence := e.evidence(ctx)
	if pod := e.known(); pod != nil {
		if t := diagnose(pod); t.what != "" {
			return with(wire.OneLine(t.what), evidence)
		}
	}
	return evidence
}

// with adds evidence to what it is evidence of.
func with(what, evidence string) string {
	if evidence == "" || strings.Contains(what, evidence) {
		return what
	}
	return what + ": " + evidence
}

// evidence is what the pod's warnings, and the last words of its agentd, say.
func (e *endpoint) evidence(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), whyTime)
	defer cancel()
	var parts []string
	if warnings := e.warnings(ctx); len(warnings) > 0 {
		parts = append(parts, strings.Join(warnings, "; "))
	}
	if words := e.lastWords(ctx); words != "" {
		parts = append(parts, "its last words: "+words)
	}
	text := strings.Join(parts, ". ")
	if len(text) > maxWhy {
		text = strings.ToValidUTF8(text[:maxWhy], "") + "…"
	}
	return text
}

// events gives what was noted about the pod: all, or what has the reason given.
func (e *endpoint) events(ctx context.Context, reason string) ([]corev1.Event, error) {
	about := "involvedObject.uid=" + string(e.uid)
	if reason != "" {
		about += ",reason=" + reason
	}
	list, err := e.backend.client.core.Events(e.backend.target.Namespace).List(ctx, metav1.ListOptions{FieldSelector: about, Limit: maxEvents})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// warnings gives the last warnings about the pod, newest last.
func (e *endpoint) warnings(ctx context.Context) []string {
	all, err := e.events(ctx, "")
	if err != nil {
		return nil // the trouble itself is known; this was to say more of it
	}
	events := slices.DeleteFunc(all, func(ev corev1.Event) bool { return ev.Type != corev1.EventTypeWarning || unhelpful(ev) })
	slices.SortStableFunc(events, func(a, b corev1.Event) int { return cmp.Compare(seen(a).UnixNano(), seen(b).UnixNano()) })
	var said []string
	for _, ev := range slices.Backward(events) {
		text := ev.Reason + ": " + wire.OneLine(ev.Message)
		again := func(other string) bool {
			return other == text || ev.Reason == noSandbox && strings.HasPrefix(other, noSandbox+": ")
		}
		if len(said) < lastEvents && !slices.ContainsFunc(said, again) {
			said = append(said, text)
		}
	}
	slices.Reverse(said)
	return said
}

// noSandbox is the reason of a warning whose words name the sandbox that could not be made, another one each time.
const noSandbox = "FailedCreatePodSandBox"

// unhelpful recognises warnings that follow from others, as a probe fails because nothing runs, and those that say again what the pod's status does.
func unhelpful(ev corev1.Event) bool {
	switch ev.Reason {
	case "Unhealthy", "BackOff", "FailedScheduling":
		return true
	case "Failed":
		return ev.Message == "Error: ErrImagePull" || ev.Message == "Error: ImagePullBackOff"
	}
	return false
}

// seen is when an event happened last.
func seen(ev corev1.Event) time.Time {
	switch {
	case !ev.LastTimestamp.IsZero():
		return ev.LastTimestamp.Time
	case ev.Series != nil:
		return ev.Series.LastObservedTime.Time
	default:
		return ev.EventTime.Time
	}
}

// nodesToCome says whether the cluster has announced to make room for the pod.
func (e *endpoint) nodesToCome(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, whyTime)
	defer cancel()
	events, err := e.events(ctx, "")
	return err == nil && slices.ContainsFunc(events, func(ev corev1.Event) bool {
		return ev.Reason == "TriggeredScaleUp" || ev.Reason == "Nominated" // the Cluster Autoscaler's word and Karpenter's
	})
}

// lastWords gives the end of what agentd said, or of what the agent's screen showed.
func (e *endpoint) lastWords(ctx context.Context) string {
	var said bytes.Buffer
	tail := int64(lastWords)
	for _, container := range []string{agentContainer, initContainer} {
		logs, err := e.backend.client.core.Pods(e.backend.target.Namespace).GetLogs(e.name, &corev1.PodLogOptions{Container: container, TailLines: &tail}).Stream(ctx)
		if err != nil {
			continue // it never ran
		}
		_, err = io.Copy(&said, io.LimitReader(logs, 64<<10))
		logs.Close()
		if err == nil && said.Len() > 0 {
			break
		}
	}
	var lines []string
	for line := range strings.Lines(said.String()) {
		if line = strings.TrimSpace(plain(line)); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-lastWords):], "; ")
}

// Log writes the agent's output, which the container's is but for what agentd says itself.
func (e *endpoint) Log(ctx context.Context, tail int, w io.Writer) error {
	logs, err := e.backend.client.core.Pods(e.backend.target.Namespace).GetLogs(e.name, &corev1.PodLogOptions{Container: agentContainer}).Stream(ctx)
	if err != nil {
		return e.backend.explain(fmt.Sprintf("read the log of pod %q", e.name), err)
	}
	defer logs.Close()
	kept := maxTail
	if tail >= 0 {
		kept = min(tail, maxTail)
	}
	var lines []string
	in := bufio.NewReader(logs)
	for {
		line, err := in.ReadString('\n')
		if line != "" && !isOwn(line) {
			lines = append(lines, line)
			if len(lines) > 2*kept+1 {
				lines = append(lines[:0], lines[len(lines)-kept:]...)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("read the log of pod %q: %w", e.name, err)
		}
	}
	for _, line := range lines[max(0, len(lines)-kept):] {
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}

// Exit tells how the container ended, whose status is the agent's.
func (e *endpoint) Exit(ctx context.Context) *wire.Exit {
	pod, err := e.current(ctx)
	if pod == nil || err != nil {
		return nil
	}
	agent := agentStatus(pod)
	if agent == nil || agent.State.Terminated == nil {
		return nil
	}
	t := agent.State.Terminated
	exit := &wire.Exit{Status: int(t.ExitCode), Time: t.FinishedAt.Time}
	if t.ExitCode > 128 {
		exit.Signal = int(t.ExitCode) - 128
	}
	if t.Reason != "Completed" && t.Reason != "Error" {
		exit.Reason = t.Reason
	}
	return exit
}
