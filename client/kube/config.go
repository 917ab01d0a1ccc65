package kube

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	_ "k8s.io/client-go/plugin/pkg/client/auth" // credentials of clouds
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/homedir"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/target"
)

// QuickPings has this process give up a connection to an API server that has fallen silent after 15 s, when a laptop has woken up in another network, say; client-go's own
// 45 s are longer than gc waits. It is for before New, by the variables that client-go knows, unless they are set.
func QuickPings() error {
	for name, seconds := range map[string]string{"HTTP2_READ_IDLE_TIMEOUT_SECONDS": "10", "HTTP2_PING_TIMEOUT_SECONDS": "5"} {
		if os.Getenv(name) != "" {
			continue
		}
		if err := os.Setenv(name, seconds); err != nil {
			return err
		}
	}
	return nil
}

// kubeconfigs are the files that a target's cluster is described in.
func kubeconfigs(t target.Target) []string {
	if list := filepath.SplitList(t.Kubeconfig); len(list) > 0 {
		return list
	}
	return []string{filepath.Join(homedir.HomeDir(), clientcmd.RecommendedHomeDir, clientcmd.RecommendedFileName)}
}

// restConfig says how to reach a target's API server, by the rules of kubectl: the files' current context or the one named; in a pod without such files its
// service account.
func restConfig(t target.Target) (*rest.Config, error) {
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: kubeconfigs(t), WarnIfAllMissing: false}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: t.Context})
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, configError(t, loader, err)
	}
	if config.Host == "" {
		return nil, noCluster(t)
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, kubeconfigError(err)
	}
	config.Host = server.String() // with its scheme, which is else guessed by the credentials
	config.UserAgent = "agentd/" + wire.BuildVersion()
	config.QPS = -1 // the server's priority and fairness limits clients; the client's own limit would make 100 sessions wait for each other
	config.WarningHandlerWithContext = rest.NoWarnings{}
	return config, nil
}

func configError(t target.Target, loader clientcmd.ClientConfig, err error) error {
	raw, rawErr := loader.RawConfig()
	switch {
	case rawErr != nil:
		return kubeconfigError(rawErr)
	case len(raw.Contexts) == 0:
		return noCluster(t)
	}
	names := strings.Join(slices.Sorted(maps.Keys(raw.Contexts)), ", ")
	wanted := cmp.Or(t.Context, raw.CurrentContext)
	if _, known := raw.Contexts[wanted]; wanted == "" {
		return wire.Errorf(wire.CodeFailed, "the kubeconfig has no current context: set GC_K8S_CONTEXT or give --context: there is %s", names)
	} else if !known {
		return wire.Errorf(wire.CodeFailed, "no context %q in the kubeconfig: there is %s", wanted, names)
	}
	return kubeconfigError(err)
}

// kubeconfigError is for what the libraries say of a kubeconfig.
func kubeconfigError(err error) error {
	return wire.Errorf(wire.CodeFailed, "kubeconfig: %s", wire.OneLine(err.Error()))
}

func noCluster(t target.Target) error {
	return wire.Errorf(wire.CodeFailed, "no cluster is configured in %s: set KUBECONFIG or give --kubeconfig", strings.Join(kubeconfigs(t), ", "))
}

// place notices when the kubeconfig comes to mean something else.
type place struct {
	target target.Target

	mu    sync.Mutex
	files string // what the files looked like when they were read last
	means string // what they meant first
	moved bool
}

func newPlace(t target.Target, config *rest.Config) *place {
	return &place{target: t, files: look(t), means: meaning(config)}
}

// stale looks at the files' times and sizes, and reads them when those have changed.
func (p *place) stale() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	files := look(p.target)
	if p.moved || files == p.files {
		return p.moved
	}
	config, err := restConfig(p.target)
	if err != nil {
		return false // half-written, perhaps; what is known still serves
	}
	p.files, p.moved = files, meaning(config) != p.means
	return p.moved
}

func look(t target.Target) string {
	var text strings.Builder
	for _, name := range kubeconfigs(t) {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintln(&text, name, info.Size(), info.ModTime().Format(time.RFC3339Nano))
		}
	}
	return text.String()
}

// meaning digests what leads to the server and says who asks.
func meaning(c *rest.Config) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %q %q %+v %+v", c.Host, c.APIPath, c.BearerToken, c.BearerTokenFile, c.Username, c.Password, c.ServerName, c.TLSClientConfig, c.Impersonate)
	fmt.Fprintf(h, "%q %q", c.CertData, c.KeyData) // which TLSClientConfig doesn't print
	fmt.Fprintf(h, "%q", proxy(c))
	if c.ExecProvider != nil {
		fmt.Fprintf(h, "%q %q %+v", c.ExecProvider.Command, c.ExecProvider.Args, c.ExecProvider.Env)
	}
	if c.AuthProvider != nil {
		fmt.Fprintf(h, "%q", c.AuthProvider.Name)
	}
	return string(h.Sum(nil))
}

// proxy is the one that the kubeconfig names, empty when it names none.
func proxy(c *rest.Config) string {
	if c.Proxy == nil {
		return ""
	}
	at, err := c.Proxy(&http.Request{URL: &url.URL{Scheme: "https"}})
	if err != nil || at == nil {
		return ""
	}
	return at.String()
}
