package kube

import (
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	batchv1 "k8s.io/client-go/kubernetes/typed/batch/v1"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
)

// clientset has the groups of the API that are used. client-go's own has them all: a sixth of gcctl.
type clientset struct {
	core          corev1.CoreV1Interface
	authorization authorizationv1.AuthorizationV1Interface
	batch         batchv1.BatchV1Interface
}

func newClientset(c *rest.Config) (*clientset, error) {
	client, err := rest.HTTPClientFor(c)
	if err != nil {
		return nil, err
	}
	core, err := corev1.NewForConfigAndClient(c, client)
	if err != nil {
		return nil, err
	}
	authorization, err := authorizationv1.NewForConfigAndClient(c, client)
	if err != nil {
		return nil, err
	}
	batch, err := batchv1.NewForConfigAndClient(c, client)
	if err != nil {
		return nil, err
	}
	return &clientset{core, authorization, batch}, nil
}
