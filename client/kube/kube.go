package kube

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/events/configmap"
	"github.com/gascity/agentd/client/hub"
	"github.com/gascity/agentd/client/target"
)

// callTime bounds one request to the API server, so that an answer that never comes is an error and not a wait without end.
const callTime = 10 * time.Second

// Config of the backend.
type Config struct {
	// Target says which namespace of which cluster.
	Target target.Target
	// Logger gets what the watch of pods has to say; nil means nothing.
	Logger *slog.Logger
	// Pinned makes a backend that is never stale, for a process that nobody replaces: it stays with the context and the API server that are meant now, and takes
	// the credentials that the kubeconfig has for them from time to time.
	Pinned bool
}

// Backend runs sessions in pods. Close ends it; sessions live on.
type Backend struct {
	target target.Target
	config *rest.Config
	client *clientset
	place  *place  // nil when pinned
	access *access // nil unless pinned
	pods   *pods
	keys   *keys
	log    *slog.Logger
	// encoding is how files go to the pods.
	encoding string

	ctx    context.Context // the life of what the backend does by itself
	cancel context.CancelFunc
	owned  sync.WaitGroup

	mu        sync.Mutex
	endpoints map[types.UID]*endpoint
	events    *configmap.Log // nil until it is asked for
}

// New makes the backend. It fails where nothing says which cluster is meant; that the cluster does not answer is told by what asks it.
func New(c Config) (*Backend, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Backend{target: c.Target, pods: newPods(), log: c.Logger, endpoints: map[types.UID]*endpoint{}}
	if err := b.reach(c.Pinned); err != nil {
		return nil, err
	}
	b.keys = newKeys(b)
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.owned.Go(func() { b.pods.watch(b.ctx, b.client.core.Pods(c.Target.Namespace), c.Logger) })
	return b, nil
}

// Close ends the watch and what else goes on. Sessions live on.
func (b *Backend) Close() {
	b.cancel()
	b.owned.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.events != nil {
		b.events.Close()
	}
}

// Name is "kube".
func (b *Backend) Name() string { return target.Kube }

// Stale says whether the kubeconfig has come to mean another cluster, or another person. To a pinned backend it never does.
func (b *Backend) Stale() bool { return b.place != nil && b.place.stale() }

// Scan gives the sessions of the namespace, as the watch tells of them.
func (b *Backend) Scan(ctx context.Context) ([]hub.Endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	all, err := b.pods.list(ctx)
	if err != nil {
		return nil, b.explain(fmt.Sprintf("list the pods of namespace %q", b.target.Namespace), err)
	}
	b.sweep(all)
	endpoints := make([]hub.Endpoint, 0, len(all))
	for _, pod := range all {
		endpoints = append(endpoints, b.endpoint(pod))
	}
	return endpoints, nil
}

// sweep forgets the endpoints of pods that are no more.
func (b *Backend) sweep(all []*corev1.Pod) {
	there := make(map[types.UID]bool, len(all))
	for _, pod := range all {
		there[pod.UID] = true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for uid, e := range b.endpoints {
		if !there[uid] && !e.isMaker() {
			delete(b.endpoints, uid)
		}
	}
}

// endpoint gives the session of a pod.
func (b *Backend) endpoint(pod *corev1.Pod) *endpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e := b.endpoints[pod.UID]; e != nil {
		return e
	}
	e := newEndpoint(b, pod)
	b.endpoints[pod.UID] = e
	return e
}

// Find gives the session of that name, nil when there is none. The watch may not have told of it yet, so the API server is asked when it isn't known.
func (b *Backend) Find(ctx context.Context, name string) (hub.Endpoint, error) {
	if pod, _ := b.pods.get(podName(name)); pod != nil {
		return b.endpoint(pod), nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	pod, err := b.getPod(ctx, podName(name))
	if err != nil {
		return nil, b.explain(fmt.Sprintf("look for session %q", name), err)
	}
	if pod != nil {
		return b.endpoint(pod), nil
	}
	return b.findForeign(ctx, name)
}

// getPod asks the API server for a pod: nil when there is none, or this process has removed it.
func (b *Backend) getPod(ctx context.Context, name string) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	pod, err := b.client.core.Pods(b.target.Namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), err == nil && b.pods.buried(pod.UID):
		return nil, nil
	case err != nil:
		return nil, err
	}
	b.pods.put(pod)
	return pod, nil
}

// findForeign gives the session of that name that the script has made, whose pods have other names.
func (b *Backend) findForeign(ctx context.Context, name string) (hub.Endpoint, error) {
	all, err := b.pods.list(ctx)
	if err != nil {
		return nil, b.explain(fmt.Sprintf("look for session %q", name), err)
	}
	for _, pod := range all {
		if sessionName(pod) == name {
			return b.endpoint(pod), nil
		}
	}
	return nil, nil
}

// sessionName is the name of a pod's session: the label has it where the annotation is missing, if not always as it was.
func sessionName(pod *corev1.Pod) string {
	if name := pod.Annotations[annotationName]; name != "" {
		return name
	}
	return pod.Labels[labelSession]
}

// Create makes the pod, and keeps saying that its start is under way until that is over.
func (b *Backend) Create(ctx context.Context, spec hub.Spec) (hub.Endpoint, error) {
	s, err := parseSettings(spec.BaseEnv)
	if err != nil {
		return nil, err
	}
	// The pod mounts the public key, so the Secret must be there. One that was seen before most likely still is: whether that is so turns out while the pod is made.
	var looking sync.WaitGroup
	var unfit error
	if b.keys.seen().known() {
		looking.Go(func() { unfit = b.keys.mountable(ctx) })
		defer looking.Wait()
	} else if err := b.keys.mountable(ctx); err != nil {
		return nil, err
	}
	call, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	pod, err := b.client.core.Pods(b.target.Namespace).Create(call, newPod(b.target.Namespace, spec, s), metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil, b.inTheWay(call, spec.Name)
	}
	if err != nil {
		b.undoLost(ctx, spec, err)
		return nil, b.explain("make the pod", err)
	}
	b.pods.put(pod)
	e := b.endpoint(pod)
	e.beMaker()
	if looking.Wait(); unfit != nil {
		b.undo(ctx, e)
		return nil, unfit
	}
	return e, nil
}

// inTheWay says that another process was faster, once this one can see what it made.
func (b *Backend) inTheWay(ctx context.Context, name string) error {
	_, _ = b.getPod(ctx, podName(name))
	return wire.Errorf(wire.CodeState, "the pod of session %q was made meanwhile", name)
}

// undoLost removes a pod that was made although the answer got lost, as when the caller went away.
func (b *Backend) undoLost(ctx context.Context, spec hub.Spec, err error) {
	if refused(err) {
		return // there is none
	}
	pod, _ := b.getPod(context.WithoutCancel(ctx), podName(spec.Name))
	if pod == nil || pod.Annotations[annotationKey] != spec.Key || spec.Key == "" || pod.Annotations[annotationLaunched] != "" {
		return
	}
	b.undo(ctx, b.endpoint(pod))
}

// undo removes a pod that nothing runs in yet.
func (b *Backend) undo(ctx context.Context, e *endpoint) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	if err := e.Remove(ctx, true); err != nil {
		b.log.Warn("a pod whose start was given up is left", "pod", e.name, "error", err)
	}
}
