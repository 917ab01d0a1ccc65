package kube

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
)

// atOnce stands for no time at all, as none stands for never.
const atOnce = time.Nanosecond

// state is what a pod comes to after some time; nil: it is deleted.
type state struct {
	after time.Duration
	pod   *corev1.Pod
}

const tainted = "0/1 nodes are available: 1 node(s) had untolerated taint(s)."

func noRoom(message string) *corev1.Pod {
	return &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: message},
	}}}
}

func TestAPodIsGivenUpWhenItsTroubleHasLastedAsLongAsItMay(t *testing.T) {
	t.Parallel()
	down := agentIs(waiting("agent", "ErrImagePull", "connection refused"))
	creating := agentIs(waiting("agent", "ContainerCreating", ""))
	running := agentIs(corev1.ContainerStatus{Name: "agent", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})
	const downText = `pod "p": image "i" can't be pulled: Failed: no such registry`
	for name, test := range map[string]struct {
		states []state
		events []corev1.Event
		after  time.Duration // 0: never
		code   wire.Code
		text   string
	}{
		"an image that isn't there": {
			states: []state{{0, agentIs(waiting("agent", "ErrImagePull", "not found"))}}, code: wire.CodeFailed, text: downText, after: atOnce,
		},
		"a registry that is down": {states: []state{{0, down}}, after: retryTime, code: wire.CodeUnavailable, text: downText},
		"a registry that is down, also while the kubelet waits to try again": {
			states: []state{{0, down}, {3 * time.Second, creating}, {3 * time.Second, down}}, after: retryTime, code: wire.CodeUnavailable, text: downText,
		},
		"a registry that comes back": {states: []state{{0, down}, {retryTime - time.Second, running}}},
		"a fault that follows another one has its own time": {
			states: []state{{0, noRoom("0/1 nodes")}, {4 * time.Second, down}}, after: 4*time.Second + retryTime, code: wire.CodeUnavailable, text: downText,
		},
		"no room, in whatever words": {
			states: []state{{0, noRoom("0/1 nodes")}, {3 * time.Second, noRoom("0/2 nodes")}}, after: roomTime, code: wire.CodeUnavailable, text: `pod "p": no node takes it: 0/2 nodes`,
		},
		"no room, and the cluster makes some": {
			states: []state{{0, noRoom("0/1 nodes")}, {time.Minute, running}},
			events: []corev1.Event{{Reason: "TriggeredScaleUp", Message: "1->2"}},
		},
		"no room, and another cluster makes some": {
			states: []state{{0, noRoom("0/1 nodes")}, {time.Minute, running}},
			events: []corev1.Event{{Reason: "Nominated", Message: "Pod should schedule on: nodeclaim/default-x"}},
		},
		"a node that has just come": {states: []state{{0, noRoom(tainted)}, {10 * time.Second, running}}},
		"deletion":                  {states: []state{{0, creating}, {4 * time.Second, nil}}, after: 4 * time.Second, code: wire.CodeFailed, text: `pod "p" was deleted by someone else`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBackend(t, api(func(r *http.Request, _ []byte) (int, any) {
					if strings.HasSuffix(r.URL.Path, "/events") {
						return http.StatusOK, corev1.EventList{Items: append(test.events, corev1.Event{Type: corev1.EventTypeWarning, Reason: "Failed", Message: "no such registry"})}
					}
					return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, `"p" not found`)
				}))
				version := 0
				become := func(pod *corev1.Pod) *corev1.Pod {
					version++
					pod = pod.DeepCopy()
					pod.Name, pod.Namespace, pod.UID, pod.ResourceVersion = "p", "gc", "1", strconv.Itoa(version)
					b.pods.put(pod)
					return pod
				}
				e := b.endpoint(become(test.states[0].pod))
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
				defer cancel()
				began := time.Now()
				doomed := make(chan error, 1)
				go func() { doomed <- e.Doomed(ctx, func(string) {}) }()
				go func() {
					for _, s := range test.states[1:] {
						time.Sleep(s.after)
						if s.pod == nil {
							b.pods.bury("p", "1")
							continue
						}
						become(s.pod)
					}
				}()
				err, took := <-doomed, time.Since(began)
				if test.after == 0 {
					if err != nil {
						t.Errorf("after %v: %v", took, err)
					}
					return
				}
				if took != test.after && (took != 0 || test.after != atOnce) {
					t.Errorf("given up after %v, want %v", took, test.after)
				}
				if wire.CodeOf(err) != test.code || err == nil || !strings.HasPrefix(err.Error(), test.text) {
					t.Errorf("got  %v, of code %q\nwant %s, of code %q", err, wire.CodeOf(err), test.text, test.code)
				}
			})
		})
	}
}

func TestAStartSaysThatItGoesOnUntilItIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		said := map[string]bool{}
		calls := 0
		pod := startedElsewhere("", "1")
		b := newBackend(t, api(func(_ *http.Request, body []byte) (int, any) {
			calls++
			said[string(body)] = true
			if calls == 2 {
				return refusal(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "starting")
			}
			return http.StatusOK, pod
		}))
		b.pods.put(pod)
		e := b.endpoint(pod)
		e.beMaker()
		if !e.isMaker() {
			t.Error("it isn't the maker")
		}
		time.Sleep(5*beat + beat/2)
		synctest.Wait()
		if calls != 5 || len(said) != 5 {
			t.Errorf("it has said %d things in %d calls, want 5: %v", len(said), calls, said)
		}
		e.endMaking()
		e.endMaking()
		time.Sleep(time.Minute)
		if calls != 5 || e.isMaker() {
			t.Errorf("when it is over: %d calls, maker %v", calls, e.isMaker())
		}
	})
}
