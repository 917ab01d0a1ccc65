package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/hub"
)

// What follows serves whoever examines a namespace: it changes nothing there but for pods that try something and go again.

// Host is the API server's address.
func (b *Backend) Host() string { return b.config.Host }

// Answer is how the API server answered.
type Answer struct {
	// Took is the time from the request to the answer's beginning, with that for a connection where one had to be made.
	Took time.Duration
	// Time is the server's clock, to the second, as it was somewhere within Took; zero when the server did not say.
	Time time.Time
	// Version is empty when the server keeps it to itself.
	Version version.Info
}

// Ask makes the cheapest request that there is.
func (b *Backend) Ask(ctx context.Context) (Answer, error) {
	const doing = "reach the cluster"
	client, err := rest.HTTPClientFor(b.config)
	if err != nil {
		return Answer{}, b.explain(doing, err)
	}
	server, _, err := rest.DefaultServerUrlFor(b.config)
	if err != nil {
		return Answer{}, b.explain(doing, err)
	}
	at := server.ResolveReference(&url.URL{Path: strings.TrimSuffix(server.Path, "/") + "/version"})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return Answer{}, b.explain(doing, err)
	}
	begun := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, b.explain(doing, err)
	}
	defer response.Body.Close()
	answer := Answer{Took: time.Since(begun)}
	if response.StatusCode == http.StatusUnauthorized {
		return answer, b.explain(doing, apierrors.NewUnauthorized("Unauthorized"))
	}
	// Some servers tell it to nobody; all else works with them as well.
	_ = json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&answer.Version)
	if now, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		answer.Time = now
	}
	return answer, nil
}

// PodSecurity tells whether the namespace exists, and which pod security standard it enforces: empty for none.
func (b *Backend) PodSecurity(ctx context.Context) (string, error) {
	namespace, err := b.client.core.Namespaces().Get(ctx, b.target.Namespace, metav1.GetOptions{})
	if err != nil {
		if apierrors.IsForbidden(err) {
			return "", err // few may look, and fewer need to
		}
		return "", b.explain(fmt.Sprintf("look at namespace %q", b.target.Namespace), err)
	}
	if namespace.DeletionTimestamp != nil {
		return "", wire.Errorf(wire.CodeFailed, "namespace %q is being deleted", b.target.Namespace)
	}
	return namespace.Labels["pod-security.kubernetes.io/enforce"], nil
}

// Rehearse lets the API server check the pod of a session that is started with this environment, without making it.
func (b *Backend) Rehearse(ctx context.Context, env []string) error {
	s, err := parseSettings(env)
	if err != nil {
		return err
	}
	pod := newPod(b.target.Namespace, hub.Spec{Name: "doctor", WorkDir: workspace}, s)
	_, err = b.client.core.Pods(b.target.Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if apierrors.IsAlreadyExists(err) { // there is a session of that name; it got past all checks
		return nil
	}
	return b.explain("make a pod", err)
}

// Keys says whether the namespace has keys for agents.
type Keys struct {
	// There says that the Secret with them is there.
	There bool
	// Unfit says why no agent could be driven with those that are there; nil: it could.
	Unfit error
	// May says that whoever asks may make them where there are none.
	May bool
}

// ExamineKeys looks at the Secret that holds the keys. It makes none. To whoever may not look it gives the API server's own error.
func (b *Backend) ExamineKeys(ctx context.Context) (Keys, error) {
	secret, err := b.client.core.Secrets(b.target.Namespace).Get(ctx, keysSecret, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		missing, err := b.Missing(ctx, makeKeys)
		return Keys{May: len(missing) == 0}, err
	case apierrors.IsForbidden(err):
		return Keys{}, err
	case err != nil:
		return Keys{}, b.explain(readKeys, err)
	}
	key, unfit := parseSecret(secret)
	if unfit == nil {
		unfit = checkPublic(secret, key)
	}
	return Keys{There: true, Unfit: unfit}, nil
}

// Settings are what the environment says of pods.
type Settings struct {
	Image, AgentdImage string

	settings  settings
	variables variables
}

// SettingsOf reads an environment, as os.Environ gives it. What can't be right is said by the variable's name.
func SettingsOf(env []string) (Settings, error) {
	s, err := parseSettings(env)
	if err != nil {
		return Settings{}, err
	}
	return Settings{Image: s.image, AgentdImage: s.agentdImage, settings: s, variables: variablesOf(env)}, nil
}

// Trial is a trial of one image alone, in a pod that the settings shape.
func (s Settings) Trial(image string, command ...string) Trial {
	trial := Trial{Image: image, Command: command, settings: s.settings}
	trial.settings.agentdImage = ""
	return trial
}
