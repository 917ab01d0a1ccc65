package kube

import (
	"net/http"
	"sync"

	"k8s.io/client-go/rest"

	"github.com/gascity/agentd/client/target"
)

// reach reads the kubeconfig and makes the clients.
func (b *Backend) reach(pinned bool) error {
	var err error
	if pinned {
		if b.target.Context == "" {
			b.target.Context = Know(b.target).Current()
		}
		if b.access, err = newAccess(b.target); err != nil {
			return err
		}
		b.config = b.access.clients()
	} else {
		if b.config, err = restConfig(b.target); err != nil {
			return err
		}
		b.place = newPlace(b.target, b.config)
	}
	b.encoding = encodingTo(b.credentials())
	if b.client, err = newClientset(b.config); err != nil {
		return kubeconfigError(err)
	}
	return nil
}

// credentials is the configuration of a connection that is made now, other than by the clients.
func (b *Backend) credentials() *rest.Config {
	if b.access == nil {
		return b.config
	}
	config, _ := b.access.current()
	return config
}

// access is how a pinned backend reaches its API server: each request, and each new connection, goes with the credentials that the kubeconfig holds by then.
// Connections that are open stay as they are.
type access struct {
	target target.Target

	mu        sync.Mutex
	files     string // what the files looked like when they were read last
	config    *rest.Config
	transport http.RoundTripper
}

func newAccess(t target.Target) (*access, error) {
	a := &access{target: t, files: look(t)}
	var err error
	if a.config, err = restConfig(t); err != nil {
		return nil, err
	}
	if a.transport, err = rest.TransportFor(a.config); err != nil {
		return nil, kubeconfigError(err)
	}
	return a, nil
}

// clients is the configuration of clients that ask by way of a, which knows the credentials.
func (a *access) clients() *rest.Config {
	c := a.config
	return &rest.Config{
		Host: c.Host, APIPath: c.APIPath, Transport: a, UserAgent: c.UserAgent, QPS: c.QPS, WarningHandlerWithContext: c.WarningHandlerWithContext,
	}
}

// RoundTrip makes one request.
func (a *access) RoundTrip(r *http.Request) (*http.Response, error) {
	_, transport := a.current()
	return transport.RoundTrip(r)
}

// current looks at the files' times and sizes, and reads them when those have changed. A kubeconfig that leads to another server, or nowhere, is not followed.
func (a *access) current() (*rest.Config, http.RoundTripper) {
	a.mu.Lock()
	defer a.mu.Unlock()
	files := look(a.target)
	if files == a.files {
		return a.config, a.transport
	}
	config, err := restConfig(a.target)
	if err != nil {
		return a.config, a.transport // half-written, perhaps: it is read again
	}
	if config.Host == a.config.Host && meaning(config) != meaning(a.config) {
		transport, err := rest.TransportFor(config)
		if err != nil {
			return a.config, a.transport // as above, of the certificates' files
		}
		a.config, a.transport = config, transport
	}
	a.files = files
	return a.config, a.transport
}
