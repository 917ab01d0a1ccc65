package kube

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func podOf(name, uid string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(uid)}}
}

// It may have been deleted while the watch was being made anew, which then never tells of that.
func TestAPodThatANewListLacksIsGoneUnlessItIsNewer(t *testing.T) {
	t.Parallel()
	b := newBackend(t, api(func(*http.Request, []byte) (int, any) {
		t.Error("the API server is asked")
		return refusal(http.StatusNotFound, metav1.StatusReasonNotFound, "gone")
	}))
	of := func(name, version string) *corev1.Pod {
		pod := podOf(name, name)
		pod.ResourceVersion = version
		return pod
	}
	for _, pod := range []*corev1.Pod{of("stays", "5"), of("goes", "6"), of("comes", "9")} {
		b.pods.put(pod)
	}
	if err := b.pods.Replace([]any{of("stays", "5")}, "7"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ known, terminating bool }{"stays": {true, false}, "goes": {false, true}, "comes": {true, false}} {
		e := b.endpoint(of(name, "1"))
		if known := e.known() != nil; known != test.known || e.Terminating() != test.terminating {
			t.Errorf("the one that %s: known %t, terminating %t", name, known, e.Terminating())
		}
	}
}

func TestARemovedPodStaysForgottenWhateverTheWatchSays(t *testing.T) {
	t.Parallel()
	p := newPods()
	p.put(podOf("a", "1"))
	p.bury("a", "1")
	_ = p.Update(podOf("a", "1"))
	_ = p.Replace([]any{podOf("a", "1"), podOf("b", "2")}, "")
	if got, _ := p.get("a"); got != nil {
		t.Error("it is back")
	}
	if all, err := p.list(t.Context()); err != nil || len(all) != 1 || all[0].Name != "b" {
		t.Errorf("got %v, %v", all, err)
	}
	_ = p.Add(podOf("a", "3"))
	_ = p.Delete(podOf("a", "1")) // late
	if got, _ := p.get("a"); got == nil || got.UID != "3" {
		t.Errorf("the next of that name: got %v", got)
	}
}

// An empty list would be told as: no session lives.
func TestAFailedFirstListIsNeverNoPods(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"and nothing follows": false, "and the next one is on its way": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPods()
				down := errors.New("down")
				type answer struct {
					all []*corev1.Pod
					err error
				}
				answers := make(chan answer, 1)
				go func() {
					all, err := p.list(t.Context())
					answers <- answer{all, err}
				}()
				synctest.Wait()
				p.mu.Lock() // so that the waiter sees only what both leave
				p.failed++
				if !again {
					p.err = down
				}
				p.notify()
				p.mu.Unlock()
				synctest.Wait()
				if again {
					_ = p.Replace([]any{podOf("a", "1")}, "")
				}
				got := <-answers
				if !again && !errors.Is(got.err, down) || again && (got.err != nil || len(got.all) != 1) {
					t.Errorf("got %v, %v", got.all, got.err)
				}
			})
		})
	}
}

func TestALateAnswerReplacesNoNewerStateAndBringsNothingBack(t *testing.T) {
	t.Parallel()
	at := func(version string) *corev1.Pod {
		pod := podOf("a", "1")
		pod.ResourceVersion = version
		return pod
	}
	p := newPods()
	p.put(at("100"))
	_ = p.Update(at("99")) // digits, not letters, decide
	if got, _ := p.get("a"); got.ResourceVersion != "100" {
		t.Errorf("got %s", got.ResourceVersion)
	}
	_ = p.Update(at("101"))
	if got, _ := p.get("a"); got.ResourceVersion != "101" {
		t.Errorf("got %s", got.ResourceVersion)
	}
	_ = p.Delete(at("102"))
	p.put(at("101"))
	if got, _ := p.get("a"); got != nil {
		t.Errorf("it is back: %v", got)
	}
}
