package deploy_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/gascity/agentd/client/kube"
	"github.com/gascity/agentd/test/cluster"
)

// rights lists what somebody may do in a namespace, beyond what everyone may, as the API server tells it.
func rights(t *testing.T, c *cluster.Cluster, namespace, user string) []string {
	t.Helper()
	everyone := review(t, c, namespace, "somebody-else")
	return slices.DeleteFunc(review(t, c, namespace, user), func(right string) bool { return slices.Contains(everyone, right) })
}

func review(t *testing.T, c *cluster.Cluster, namespace, user string) []string {
	t.Helper()
	config := rest.CopyConfig(c.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: []string{"system:authenticated"}}
	if strings.HasPrefix(user, "system:serviceaccount:") {
		config.Impersonate.Groups = append(config.Impersonate.Groups, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(), &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status.Incomplete {
		t.Fatalf("the API server does not tell all: %s", answer.Status.EvaluationError)
	}
	var list []string
	for _, rule := range answer.Status.ResourceRules {
		names := rule.ResourceNames
		if len(names) == 0 {
			names = []string{""}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, name := range names {
					for _, verb := range rule.Verbs {
						list = append(list, strings.Trim(strings.Join([]string{verb, group, resource, name}, " "), " "))
					}
				}
			}
		}
	}
	return list
}

// may lists verbs on a resource of the core group.
func may(resource, name, verbs string) []string {
	var list []string
	for verb := range strings.FieldsSeq(verbs) {
		list = append(list, strings.Trim(verb+"  "+resource+" "+name, " "))
	}
	return list
}

func account(namespace, name string) string { return "system:serviceaccount:" + namespace + ":" + name }

// hasJust checks what somebody may do. The API server acts on a binding when its watch has told it of it, which takes a moment on a full machine.
func hasJust(t *testing.T, c *cluster.Cluster, namespace, user string, want []string) {
	t.Helper()
	slices.Sort(want)
	want = slices.Compact(want)
	var got []string
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
		got = rights(t, c, namespace, user)
		slices.Sort(got)
		got = slices.Compact(got)
		return slices.Equal(got, want), nil
	})
	if err != nil {
		t.Errorf("%s may\n\t%s\nand should be allowed\n\t%s", user, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestEveryoneMayDoWhatTheyNeedAndNothingElse(t *testing.T) {
	t.Parallel()
	c := cluster.Need(t)
	ns := c.Namespace(t)
	apply(t, c, kustomization(t, "overlays/controller", ns, "replicas: [{name: dolt, count: 0}, {name: gc-controller, count: 0}]"))

	operator := may("secrets", "", "create") // of the keys, by the first of them
	for _, p := range kube.Permissions() {
		operator = append(operator, may(p.Resource, p.Name, strings.Join(p.Verbs, " "))...)
	}
	var events []string
	for _, p := range kube.EventPermissions() {
		events = append(events, may(p.Resource, p.Name, strings.Join(p.Verbs, " "))...)
	}
	prune := slices.Concat(may("configmaps", "", "list create delete"), may("configmaps", "gc-events-seq", "get update"))
	viewer := slices.Concat(may("pods", "", "get list watch"), may("events", "", "get list watch"), may("pods/log", "", "get"))

	for role, want := range map[string][]string{
		"agentd-operator": operator, "agentd-viewer": viewer, "agentd-events": events, "agentd-events-prune": prune, "dolt-user": may("secrets", "dolt", "get"),
	} {
		person := "person-with-" + role
		_, err := c.Client.RbacV1().RoleBindings(ns).Create(t.Context(), &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: person},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: person}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		hasJust(t, c, ns, person, want)
	}
	for name, want := range map[string][]string{
		"gc-controller": slices.Concat(operator, events), "dolt": may("secrets", "dolt", "create patch"), "gc-events-prune": prune,
	} {
		hasJust(t, c, ns, account(ns, name), want)
	}
	// Now that all bindings are known.
	for _, name := range []string{"gc-agent", "default"} {
		hasJust(t, c, ns, account(ns, name), nil)
	}
}
