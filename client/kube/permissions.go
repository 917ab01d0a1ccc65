package kube

import (
	"context"
	"fmt"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Permission is what this package does with one kind of object.
type Permission struct {
	Resource    string // with its subresource, as in pods/log
	Name        string // of the one object that is meant; empty: all of the namespace
	Verbs       []string
	Purpose     string // what is done with it
	Dispensable bool   // sessions run without it; something else is lost
}

// Permissions are all that this package asks of the API server. The role agentd-operator of deploy/ allows these and no others.
func Permissions() []Permission {
	return []Permission{
		{Resource: "pods", Verbs: []string{"get", "list", "watch", "create", "patch", "delete"}, Purpose: "start, list and stop sessions"},
		// Over a websocket a port-forward is a get, over SPDY a create.
		{Resource: "pods/portforward", Verbs: []string{"get", "create"}, Purpose: "reach agents"},
		{Resource: "secrets", Name: keysSecret, Verbs: []string{"get"}, Purpose: "speak to agents"},
		{Resource: "pods/log", Verbs: []string{"get"}, Purpose: "say what an agent said last", Dispensable: true},
		{Resource: "events", Verbs: []string{"list"}, Purpose: "say why a pod does not run", Dispensable: true},
	}
}

// EventPermissions are all that writing and reading the event log asks of the API server. The role agentd-events of deploy/ allows these and no others;
// pruning, which deletes, has a role of its own.
func EventPermissions() []Permission {
	return []Permission{
		{Resource: "configmaps", Verbs: []string{"get", "list", "watch", "create"}, Purpose: "record and read events"},
		{Resource: "configmaps", Name: eventCounter, Verbs: []string{"update"}, Purpose: "record events"},
	}
}

// makeKeys is needed once in the life of a namespace.
var makeKeys = Permission{Resource: "secrets", Verbs: []string{"create"}, Purpose: "make the keys of agents"}

// Missing gives the verbs of a permission that whoever asks has not.
func (b *Backend) Missing(ctx context.Context, p Permission) ([]string, error) {
	allowed := make([]bool, len(p.Verbs))
	errs := make([]error, len(p.Verbs))
	var asking sync.WaitGroup
	for i, verb := range p.Verbs {
		asking.Go(func() { allowed[i], errs[i] = b.may(ctx, p, verb) })
	}
	asking.Wait()
	var missing []string
	for i, verb := range p.Verbs {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if !allowed[i] {
			missing = append(missing, verb)
		}
	}
	return missing, nil
}

func (b *Backend) may(ctx context.Context, p Permission, verb string) (bool, error) {
	resource, sub, _ := strings.Cut(p.Resource, "/")
	review, err := b.client.authorization.SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: b.target.Namespace, Verb: verb, Resource: resource, Subresource: sub, Name: p.Name,
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, b.explain(fmt.Sprintf("ask whether you may %s %s", verb, p.Resource), err)
	}
	return review.Status.Allowed, nil
}
