package kube

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gascity/agentd/agentd/wire"
)

// explain makes one clear line of what the API server, or the way to it, answered to doing something in a namespace.
func (b *Backend) explain(doing string, err error) error {
	var known *wire.Error
	var untrusted *tls.CertificateVerificationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, context.DeadlineExceeded):
		return wire.Errorf(wire.CodeUnavailable, "%s: the API server at %s did not answer in time", doing, b.config.Host)
	case apierrors.IsUnauthorized(err):
		return wire.Errorf(wire.CodeUnavailable, "%s: the API server doesn't know who you are (Unauthorized): log in to the cluster again%s", doing, b.ofPlugins())
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"):
		return wire.Errorf(wire.CodeUnavailable, "%s: %s", doing, wire.OneLine(err.Error()))
	case lacksRight(err):
		return wire.Errorf(wire.CodeFailed, "%s: %s (the role agentd-operator of deploy/ allows it)", doing, wire.OneLine(err.Error()))
	case apierrors.IsNotFound(err) && strings.Contains(err.Error(), "namespaces "):
		return wire.Errorf(wire.CodeFailed, "%s: there is no namespace %q: create it, as deploy/ does, or name another with GC_K8S_NAMESPACE or -n", doing, b.target.Namespace)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return wire.Errorf(wire.CodeBadRequest, "%s: %s", doing, wire.OneLine(err.Error()))
	case strings.Contains(err.Error(), noKubelet):
		_, why, _ := strings.Cut(wire.OneLine(err.Error()), noKubelet)
		return wire.Errorf(wire.CodeUnavailable, "%s: the pod's node does not answer: %s", doing, why)
	case passing(err):
		return wire.Errorf(wire.CodeUnavailable, "%s: %s", doing, wire.OneLine(err.Error()))
	case strings.Contains(err.Error(), noCredentials):
		_, why, _ := strings.Cut(err.Error(), noCredentials)
		why, _, _ = strings.Cut(why, "\n") // what follows is about plugins in general
		return wire.Errorf(wire.CodeUnavailable, "%s: no credentials for the cluster: %s%s", doing, why, b.ofPlugins())
	case errors.As(err, &untrusted):
		return wire.Errorf(wire.CodeFailed, "%s: the certificate of the API server at %s can't be trusted: %s", doing, b.config.Host, wire.OneLine(untrusted.Err.Error()))
	case unreachable(err):
		return wire.Errorf(wire.CodeUnavailable, "%s: the API server at %s does not answer: %s", doing, b.config.Host, wire.OneLine(bare(err).Error()))
	}
	return wire.Errorf(wire.CodeFailed, "%s: %s", doing, wire.OneLine(err.Error()))
}

// noKubelet is what the API server says where it can't reach the kubelet of a pod's node.
const noKubelet = "error dialing backend: "

// noCredentials is what the client says where a plugin that was to bring credentials brought none.
const noCredentials = "getting credentials: "

// ofPlugins is what people are told besides, whose credentials a plugin brings: kubectl may well get some, with the variables of their shell. A pinned backend's plugin
// has these.
func (b *Backend) ofPlugins() string {
	if b.config.ExecProvider == nil {
		return ""
	}
	return fmt.Sprintf(" (a hub asks for credentials with the environment of the call that started it; after `%s -n %s hub stop` the next call starts another)", b.target.Shell("gcctl"), b.target.Namespace)
}

// lacksRight recognises the words of RBAC: cannot get resource "pods". Quotas, limits and admission forbid in others.
func lacksRight(err error) bool {
	_, verb, _ := strings.Cut(err.Error(), " cannot ")
	_, what, _ := strings.Cut(verb, " ")
	return apierrors.IsForbidden(err) && strings.HasPrefix(what, `resource "`)
}

// passing says whether the API server, or a proxy before it, refused what it may do a moment later.
func passing(err error) bool {
	var status apierrors.APIStatus
	return apierrors.IsTooManyRequests(err) || apierrors.IsConflict(err) || errors.As(err, &status) && status.Status().Code >= http.StatusInternalServerError
}

// refused says whether the API server has said no, so that nothing was done.
func refused(err error) bool {
	var answer apierrors.APIStatus
	return errors.As(err, &answer) && answer.Status().Code < http.StatusInternalServerError
}

// unreachable says whether no answer came at all.
func unreachable(err error) bool {
	var network net.Error
	var request *url.Error
	return errors.As(err, &network) || errors.As(err, &request) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// bare takes the request's address off an error: it is long and says nothing to people.
func bare(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
