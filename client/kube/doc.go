// Package kube runs each session in a pod of a Kubernetes namespace, and reaches its agentd through a port-forward.
package kube
