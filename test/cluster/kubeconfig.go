package cluster

import (
	"fmt"
	"net/url"
	"path/filepath"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// As writes a kubeconfig whose user is a service account, with the rights that are bound to it, and whose namespace is the account's.
func (c *Cluster) As(t testing.TB, namespace, serviceAccount string) (kubeconfig string) {
	t.Helper()
	token, err := c.Client.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), serviceAccount, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("get a token for service account %s: %v", serviceAccount, err)
	}
	return c.edit(t, func(cluster *api.Cluster, user *api.AuthInfo, context *api.Context) error {
		*user = api.AuthInfo{Token: token.Status.Token}
		context.Namespace = namespace
		return nil
	})
}

// In writes a kubeconfig whose namespace is the given one.
func (c *Cluster) In(t testing.TB, namespace string) (kubeconfig string) {
	t.Helper()
	return c.edit(t, func(cluster *api.Cluster, user *api.AuthInfo, context *api.Context) error {
		context.Namespace = namespace
		return nil
	})
}

// Via writes a kubeconfig that reaches the API server at another address (host:port), where a proxy hands on the bytes.
func (c *Cluster) Via(t testing.TB, address string) (kubeconfig string) {
	t.Helper()
	return c.edit(t, func(cluster *api.Cluster, user *api.AuthInfo, context *api.Context) error {
		server, err := url.Parse(cluster.Server)
		if err != nil {
			return err
		}
		if cluster.TLSServerName == "" {
			cluster.TLSServerName = server.Hostname()
		}
		server.Host = address
		cluster.Server = server.String()
		return nil
	})
}

// edit writes a changed copy of the kubeconfig, reduced to its current context.
func (c *Cluster) edit(t testing.TB, change func(*api.Cluster, *api.AuthInfo, *api.Context) error) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(c.Kubeconfig)
	if err == nil {
		err = api.MinifyConfig(config)
	}
	if err == nil {
		err = api.FlattenConfig(config)
	}
	if err == nil {
		context := config.Contexts[config.CurrentContext]
		err = change(config.Clusters[context.Cluster], config.AuthInfos[context.AuthInfo], context)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err == nil {
		err = clientcmd.WriteToFile(*config, path)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("derive a kubeconfig: %w", err))
	}
	return path
}
