// Command netpol enforces network policies on the pods of this node: kube-router's engine, without its routing and its proxy. It runs until it is killed, and leaves its rules.
package main

import (
	"flag"
	"fmt"
	"os"
	"sync"

	"github.com/cloudnativelabs/kube-router/v2/pkg/controllers/netpol"
	"github.com/cloudnativelabs/kube-router/v2/pkg/healthcheck"
	"github.com/cloudnativelabs/kube-router/v2/pkg/options"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	node := flag.String("node", "", "the name of this node")
	services := flag.String("services", "", "the Services' addresses, as CIDR")
	flag.Parse()
	fmt.Fprintln(os.Stderr, "netpol:", enforce(*kubeconfig, *node, *services))
	os.Exit(1)
}

func enforce(kubeconfig, node, services string) error {
	client, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("read %s: %w", kubeconfig, err)
	}
	clientset, err := kubernetes.NewForConfig(client)
	if err != nil {
		return fmt.Errorf("use %s: %w", kubeconfig, err)
	}
	config := options.NewKubeRouterConfig()
	config.HostnameOverride, config.ClusterIPCIDRs, config.EnableIPv4 = node, []string{services}, true
	factory := informers.NewSharedInformerFactory(clientset, 0)
	pods, policies, namespaces := factory.Core().V1().Pods().Informer(), factory.Networking().V1().NetworkPolicies().Informer(), factory.Core().V1().Namespaces().Informer()
	iptables, sets, err := netpol.NewIPTablesHandlers(config)
	if err != nil {
		return err
	}
	c, err := netpol.NewNetworkPolicyController(clientset, config, pods, policies, namespaces, &sync.Mutex{}, iptables, sets)
	if err != nil {
		return err
	}
	never := make(chan struct{})
	factory.Start(never)
	factory.WaitForCacheSync(never)
	// Each event is a look at all rules, and most pods of tests are in namespaces without a policy: to them it makes no difference.
	governed := cache.FilteringResourceEventHandler{FilterFunc: hasPolicy(policies.GetIndexer()), Handler: c.PodEventHandler}
	for informer, handler := range map[cache.SharedIndexInformer]cache.ResourceEventHandler{
		pods: governed, policies: c.NetworkPolicyEventHandler, namespaces: c.NamespaceEventHandler,
	} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	beats := make(chan *healthcheck.ControllerHeartbeat)
	go func() {
		for range beats {
		}
	}()
	var work sync.WaitGroup
	work.Add(1)
	c.Run(beats, never, &work)
	return nil
}

// hasPolicy says whether there are policies in an object's namespace.
func hasPolicy(policies cache.Indexer) func(object any) bool {
	return func(object any) bool {
		key, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
		if err != nil {
			return true
		}
		namespace, _, _ := cache.SplitMetaNamespaceKey(key)
		of, err := policies.ByIndex(cache.NamespaceIndex, namespace)
		return err != nil || len(of) > 0
	}
}
