package kube

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/lastwords"
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

// What was mirrored is known again by what fits.
func TestOfValuesOfOneSizeAlwaysTheSameFit(t *testing.T) {
	t.Parallel()
	meta := map[string]string{}
	for i := range 6 {
		meta[strconv.Itoa(i)] = strings.Repeat("x", 36<<10)
	}
	for range 100 {
		if kept, left := fitting(meta); len(kept) != 5 || !slices.Equal(left, []string{"0"}) {
			t.Fatalf("kept %d, left %q", len(kept), left)
		}
	}
}

// What is escaped takes six bytes of an annotation, which the API server refuses as a whole where it is too large.
func TestAMirrorIsMeasuredAsItIsWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		value string
		left  []string
	}{
		"HTML":                          {strings.Repeat("<", 100<<10), nil},
		"a terminal's escape sequences": {strings.Repeat("\x1b", 100<<10), []string{"large"}},
		"quotes":                        {strings.Repeat(`"`, 150<<10), []string{"large"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept, left := fitting(map[string]string{"GC_DRAIN_ACK": "1", "large": test.value})
			if kept["GC_DRAIN_ACK"] != "1" || !slices.Equal(left, test.left) {
				t.Errorf("kept %d, left %q", len(kept), left)
			}
			if size := len(metaText(kept)); size > 250<<10 {
				t.Errorf("its text has %d bytes", size)
			}
		})
	}
}

// lastSaid is a pod whose agent has ended: what hubs mirrored, what agentd left with it, and more annotations.
func lastSaid(mirrored, message string, annotations map[string]string) *corev1.Pod {
	pod := agentIs(terminated("agent", 0, "Completed", message))
	pod.ObjectMeta = podOf("s", "1").ObjectMeta
	pod.Annotations = map[string]string{annotationMeta: mirrored}
	maps.Copy(pod.Annotations, annotations)
	return pod
}

func TestWhatAgentdLeftIsNewerThanTheMirror(t *testing.T) {
	t.Parallel()
	changed := map[string]string{annotationMetaAfter: "true"}
	left := lastwords.Message([]string{"the screen"}, map[string]string{"GC_DRAIN_ACK": "yes", "large": strings.Repeat("x", 4000)})
	all := lastwords.Message([]string{"the screen"}, map[string]string{"GC_DRAIN_ACK": "yes"})
	running := agentIs(corev1.ContainerStatus{Name: "agent"})
	running.Annotations = map[string]string{annotationMeta: `{"GC_DRAIN_ACK":"no"}`}
	for name, test := range map[string]struct {
		pod      *corev1.Pod
		want     map[string]string
		complete bool
	}{
		"nothing at all":                  {lastSaid("", "", nil), map[string]string{}, false},
		"a mirror that a person emptied":  {lastSaid(`null`, "", nil), map[string]string{}, false},
		"a mirror alone":                  {lastSaid(`{"a":"1"}`, "", nil), map[string]string{"a": "1"}, false},
		"last words alone":                {lastSaid("", all, nil), map[string]string{"GC_DRAIN_ACK": "yes"}, true},
		"with no room for a large value":  {lastSaid("", left, nil), map[string]string{"GC_DRAIN_ACK": "yes"}, false},
		"both":                            {lastSaid(`{"GC_DRAIN_ACK":"no","gone":"1","large":"older"}`, left, nil), map[string]string{"GC_DRAIN_ACK": "yes", "large": "older"}, false},
		"a mirror that was changed since": {lastSaid(`{"GC_NOTE":"later"}`, left, changed), map[string]string{"GC_NOTE": "later"}, true},
		"the last screen":                 {lastSaid(`{"a":"1"}`, "words\nof the screen\n", nil), map[string]string{"a": "1"}, false},
		"a message that is damaged":       {lastSaid(`{"a":"1"}`, left[:len("agentd metadata: {")+9], nil), map[string]string{"a": "1"}, false},
		"Kubernetes' own message":         {lastSaid(`{"a":"1"}`, "The container could not be located when the pod was terminated", nil), map[string]string{"a": "1"}, false},
		"a pod that runs":                 {running, map[string]string{"GC_DRAIN_ACK": "no"}, false},
		"a pod without a status":          {podOf("s", "1"), map[string]string{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBackend(t, api(func(r *http.Request, _ []byte) (int, any) {
				t.Errorf("%s %s", r.Method, r.URL)
				return refusal(http.StatusInternalServerError, "", "")
			}))
			test.pod.Name, test.pod.UID = "s", "1"
			b.pods.put(test.pod)
			e := b.endpoint(test.pod)
			if got, err := e.Meta(t.Context()); err != nil || got == nil || !maps.Equal(got, test.want) { // a change goes into what is given
				t.Errorf("got %.200q, %v, want %q", got, err, test.want)
			}
			if got := e.Complete(t.Context()); got != test.complete {
				t.Errorf("complete is %v", got)
			}
		})
	}
}

func TestTheFirstChangeAfterTheEndTakesInWhatAgentdLeftAndWinsOverIt(t *testing.T) {
	t.Parallel()
	pod := lastSaid(`{"GC_DRAIN_ACK":"no"}`, lastwords.Message(nil, map[string]string{"GC_DRAIN_ACK": "yes", "GC_SESSION_ID": "id-1"}), nil)
	b := newBackend(t, api(func(r *http.Request, body []byte) (int, any) {
		if r.Method == http.MethodPatch {
			var patch corev1.Pod
			if err := json.Unmarshal(body, &patch); err != nil {
				t.Error(err)
			}
			pod = pod.DeepCopy()
			pod.ResourceVersion += "1"
			maps.Copy(pod.Annotations, patch.Annotations)
		}
		return http.StatusOK, pod
	}))
	b.pods.put(pod)
	e := b.endpoint(pod)
	for _, change := range []struct {
		change func(map[string]string)
		want   map[string]string
	}{
		{func(left map[string]string) { left["GC_NOTE"] = "later" }, map[string]string{"GC_DRAIN_ACK": "yes", "GC_SESSION_ID": "id-1", "GC_NOTE": "later"}},
		{func(left map[string]string) { delete(left, "GC_DRAIN_ACK") }, map[string]string{"GC_SESSION_ID": "id-1", "GC_NOTE": "later"}},
	} {
		if err := e.ChangeMeta(t.Context(), change.change); err != nil {
			t.Fatal(err)
		}
		if got, err := e.Meta(t.Context()); err != nil || !maps.Equal(got, change.want) {
			t.Errorf("got %q, %v, want %q", got, err, change.want)
		}
	}
}

// agentd tells of the end before Kubernetes does.
func TestAChangeAfterTheEndWaitsForWhatAgentdLeft(t *testing.T) {
	t.Parallel()
	running := func() *corev1.Pod {
		pod := agentIs(corev1.ContainerStatus{Name: "agent", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})
		pod.ObjectMeta = podOf("s", "1").ObjectMeta
		pod.ResourceVersion, pod.Annotations = "1", map[string]string{annotationMeta: `{"GC_DRAIN_ACK":"no"}`}
		return pod
	}
	at := func(version string, pod *corev1.Pod) *corev1.Pod {
		pod.ResourceVersion = version
		return pod
	}
	failed := at("3", running())
	failed.Status.Phase = corev1.PodFailed
	for name, test := range map[string]struct {
		end  func() *corev1.Pod // what is reported after two seconds; nil: that the pod is gone
		took time.Duration
		want map[string]string // nil: no session
	}{
		"its last words": {
			func() *corev1.Pod {
				return at("3", lastSaid(`{"GC_DRAIN_ACK":"no"}`, lastwords.Message(nil, map[string]string{"GC_DRAIN_ACK": "yes"}), nil))
			}, 2 * time.Second, map[string]string{"GC_DRAIN_ACK": "yes", "GC_NOTE": "later"},
		},
		"that it was killed": {func() *corev1.Pod { return at("3", lastSaid(`{"GC_DRAIN_ACK":"no"}`, "", nil)) }, 2 * time.Second, map[string]string{"GC_DRAIN_ACK": "no", "GC_NOTE": "later"}},
		"a pod that failed":  {func() *corev1.Pod { return failed }, 2 * time.Second, map[string]string{"GC_DRAIN_ACK": "no", "GC_NOTE": "later"}},
		"another's change": {
			func() *corev1.Pod {
				pod := at("3", running())
				pod.Annotations = map[string]string{annotationMeta: `{"a":"1"}`, annotationMetaAfter: "true"}
				return pod
			}, 2 * time.Second, map[string]string{"a": "1", "GC_NOTE": "later"},
		},
		"nothing":            {func() *corev1.Pod { return at("3", running()) }, reportTime, map[string]string{"GC_DRAIN_ACK": "no", "GC_NOTE": "later"}},
		"that it is removed": {nil, 2 * time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				pod := running()
				b := newBackend(t, api(func(r *http.Request, body []byte) (int, any) {
					mu.Lock()
					defer mu.Unlock()
					if pod == nil {
						return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, "gone")
					}
					if r.Method == http.MethodPatch {
						var patch corev1.Pod
						if err := json.Unmarshal(body, &patch); err != nil {
							t.Error(err)
						}
						pod = at("4", pod.DeepCopy())
						maps.Copy(pod.Annotations, patch.Annotations)
					}
					return http.StatusOK, pod
				}))
				b.pods.put(running())
				e := b.endpoint(running())
				var telling sync.WaitGroup
				telling.Go(func() {
					time.Sleep(time.Second)
					b.pods.put(at("2", running())) // a change that is none of the end's
					time.Sleep(time.Second)
					mu.Lock()
					defer mu.Unlock()
					if pod = nil; test.end == nil {
						b.pods.bury("s", "1")
						return
					}
					pod = test.end()
					b.pods.put(pod.DeepCopy())
				})
				began := time.Now()
				err := e.ChangeMeta(t.Context(), func(left map[string]string) { left["GC_NOTE"] = "later" })
				if (wire.CodeOf(err) == wire.CodeNoSession) != (test.want == nil) || err != nil && test.want != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took != test.took {
					t.Errorf("it took %s, not %s", took, test.took)
				}
				telling.Wait()
				if test.want == nil {
					return
				}
				if got, err := e.Meta(t.Context()); err != nil || !maps.Equal(got, test.want) {
					t.Errorf("got %q, %v, want %q", got, err, test.want)
				}
			})
		})
	}
}

func TestWhatAHubWasToldFillsWhatAgentdHadNoRoomFor(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 4000)
	left := lastwords.Message([]string{"the screen"}, map[string]string{"GC_DRAIN_ACK": "yes", "large": large})
	whole := lastwords.Message([]string{"the screen"}, map[string]string{"GC_DRAIN_ACK": "yes"})
	type meta = map[string]string
	told := meta{"GC_DRAIN_ACK": "no", "gone": "1", "large": large}
	crowd := meta{"large": large} // which fits without that value
	for i := range 51 {
		crowd[strconv.Itoa(i)] = strings.Repeat("x", 3990)
	}
	fits, _ := fitting(crowd)
	inCrowd, err := json.Marshal(fits)
	if _, fit := fits["large"]; err != nil || fit || len(fits) != len(crowd)-1 {
		t.Fatalf("%d of %d fit, %v", len(fits), len(crowd), err)
	}
	for name, test := range map[string]struct {
		pod      *corev1.Pod
		mirrored meta
		told     meta // what is told until it is written down
		want     meta // and after that
	}{
		"a value that was never mirrored":   {lastSaid("", left, nil), nil, meta{"GC_DRAIN_ACK": "yes", "large": large}, meta{"GC_DRAIN_ACK": "yes", "large": large}},
		"one that a hub before mirrored":    {lastSaid(`{"large":"older"}`, left, nil), nil, meta{"GC_DRAIN_ACK": "yes", "large": large}, meta{"GC_DRAIN_ACK": "yes", "large": large}},
		"one that this hub mirrored before": {lastSaid(`{"large":"older"}`, left, nil), meta{"large": "older"}, meta{"GC_DRAIN_ACK": "yes", "large": large}, meta{"GC_DRAIN_ACK": "yes", "large": large}},
		"one that another mirrored since":   {lastSaid(`{"large":"newer"}`, left, nil), meta{"large": "older"}, meta{"GC_DRAIN_ACK": "yes", "large": "newer"}, meta{"GC_DRAIN_ACK": "yes", "large": "newer"}},
		"one that did not fit and now does": {lastSaid(string(inCrowd), left, nil), crowd, meta{"GC_DRAIN_ACK": "yes", "large": large}, meta{"GC_DRAIN_ACK": "yes", "large": large}},
		"a change since":                    {lastSaid(`{"a":"1"}`, left, meta{annotationMetaAfter: "true"}), nil, meta{"a": "1"}, meta{"a": "1"}},
		"nothing is missing":                {lastSaid("", whole, nil), nil, meta{"GC_DRAIN_ACK": "yes"}, meta{"GC_DRAIN_ACK": "yes"}},
		"agentd was killed":                 {lastSaid(`{"a":"1"}`, "", nil), meta{"a": "1"}, told, told},
		"it was, and nothing was mirrored":  {lastSaid(`{"a":"1"}`, "", nil), nil, told, told},
		"it was, and another mirrored":      {lastSaid(`{"a":"2"}`, "", nil), meta{"a": "1"}, meta{"a": "2"}, meta{"a": "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			pod := test.pod
			b := newBackend(t, api(func(r *http.Request, body []byte) (int, any) {
				mu.Lock()
				defer mu.Unlock()
				if r.Method == http.MethodPatch {
					var patch corev1.Pod
					if err := json.Unmarshal(body, &patch); err != nil {
						t.Error(err)
					}
					pod = pod.DeepCopy()
					pod.ResourceVersion += "1"
					maps.Copy(pod.Annotations, patch.Annotations)
				}
				return http.StatusOK, pod
			}))
			b.pods.put(pod.DeepCopy())
			e := b.endpoint(pod)
			if got := e.Told(t.Context(), told, test.mirrored); !maps.Equal(got, test.told) {
				t.Errorf("told is %.200q, want %.200q", got, test.told)
			}
			if err := e.MirrorTold(t.Context(), told, test.mirrored); err != nil {
				t.Fatal(err)
			}
			if got, err := e.Meta(t.Context()); err != nil || !maps.Equal(got, test.want) {
				t.Errorf("kept is %.200q, %v, want %.200q", got, err, test.want)
			}
		})
	}
}

// What agentd left comes with the report. What a hub was told up to the end is newer than what it, or another, was just mirroring.
func TestUntilTheEndIsReportedTheHubThatWasToldLastKnowsMost(t *testing.T) {
	t.Parallel()
	pod := agentIs(corev1.ContainerStatus{Name: "agent", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}})
	pod.ObjectMeta = podOf("s", "1").ObjectMeta
	pod.Annotations = map[string]string{annotationMeta: `{"a":"2"}`}
	b := newBackend(t, api(func(r *http.Request, _ []byte) (int, any) {
		t.Errorf("%s %s", r.Method, r.URL)
		return refusal(http.StatusInternalServerError, "", "")
	}))
	b.pods.put(pod)
	want := map[string]string{"a": "3"}
	if got := b.endpoint(pod).Told(t.Context(), want, map[string]string{"a": "1"}); !maps.Equal(got, want) {
		t.Errorf("told is %q", got)
	}
}
