package cluster

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/gascity/agentd/test/binaries"
)

// rightsTime bounds the wait for the API server to act on new rights: milliseconds, unless the machine is full.
const rightsTime = 20 * time.Second

// Account makes a service account that is named like a role, which it gets as a file of deploy/base has it, and writes a kubeconfig whose user it is.
func (c *Cluster) Account(t testing.TB, namespace, file, role string) (kubeconfig string) {
	t.Helper()
	root, err := binaries.Root()
	if err != nil {
		t.Fatal(err)
	}
	c.Run(t, "-n", namespace, "apply", "-f", filepath.Join(root, "deploy", "base", file))
	c.Run(t, "-n", namespace, "create", "serviceaccount", role)
	c.Bind(t, namespace, role, "role", role)
	return c.As(t, namespace, role)
}

// Operator is Account with the role for those who drive agents.
func (c *Cluster) Operator(t testing.TB, namespace string) (kubeconfig string) {
	t.Helper()
	return c.Account(t, namespace, "operator.yaml", "agentd-operator")
}

// Bind gives a service account the rights of a role of the kind "role" or "clusterrole", and returns when the API server acts on that: it learns of roles and
// bindings by a watch, like everybody, and may refuse a moment longer what they allow.
func (c *Cluster) Bind(t testing.TB, namespace, serviceAccount, kind, role string) {
	t.Helper()
	c.Run(t, "-n", namespace, "create", "rolebinding", serviceAccount, "--"+kind+"="+role, "--serviceaccount="+namespace+":"+serviceAccount)
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, rightsTime, true, func(ctx context.Context) (bool, error) {
		rules, err := c.rules(ctx, namespace, kind, role)
		if err != nil || len(rules) == 0 { // a controller fills those of the cluster's own roles
			return false, err
		}
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + namespace + ":" + serviceAccount, ResourceAttributes: attributes(namespace, rules[0]),
		}}
		answer, err := c.Client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed, err
	})
	if err != nil {
		t.Fatalf("wait until %s has the rights of %s %s: %v", serviceAccount, kind, role, err)
	}
}

func (c *Cluster) rules(ctx context.Context, namespace, kind, role string) ([]rbacv1.PolicyRule, error) {
	if kind == "clusterrole" {
		r, err := c.Client.RbacV1().ClusterRoles().Get(ctx, role, metav1.GetOptions{})
		return r.Rules, err
	}
	r, err := c.Client.RbacV1().Roles(namespace).Get(ctx, role, metav1.GetOptions{})
	return r.Rules, err
}

// attributes are those of the first thing that a rule allows.
func attributes(namespace string, rule rbacv1.PolicyRule) *authorizationv1.ResourceAttributes {
	resource, sub, _ := strings.Cut(rule.Resources[0], "/")
	a := &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: rule.Verbs[0], Group: rule.APIGroups[0], Resource: resource, Subresource: sub}
	if len(rule.ResourceNames) > 0 {
		a.Name = rule.ResourceNames[0]
	}
	return a
}
