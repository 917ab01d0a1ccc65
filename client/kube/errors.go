package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gascity/agentd/agentd/wire"
)

// explain makes one clear line of what the API server, or the way to it, answered to doing something in a namespace.
func (b *Backend) explain(doing string, err error) error {
	var known *wire.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", doing, err)
	case apierrors.IsUnauthorized(err):
		return wire.Errorf(wire.CodeUnavailable, "%s: the API server doesn't know who you are (Unauthorized): log in to the cluster again", doing)
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"):
		return wire.Errorf(wire.CodeUnavailable, "%s: %s", doing, oneLine(err.Error()))
	case apierrors.IsForbidden(err):
		return wire.Errorf(wire.CodeFailed, "%s: %s (the role agentd-operator of deploy/ allows it)", doing, oneLine(err.Error()))
	case apierrors.IsNotFound(err) && strings.Contains(err.Error(), "namespaces "):
		return wire.Errorf(wire.CodeFailed, "%s: there is no namespace %q: create it, as deploy/ does, or name another with GC_K8S_NAMESPACE or -n", doing, b.target.Namespace)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return wire.Errorf(wire.CodeBadRequest, "%s: %s", doing, oneLine(err.Error()))
	case apierrors.IsTooManyRequests(err), apierrors.IsServerTimeout(err), apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err), apierrors.IsInternalError(err), apierrors.IsConflict(err):
		return wire.Errorf(wire.CodeUnavailable, "%s: %s", doing, oneLine(err.Error()))
	case unreachable(err):
		return wire.Errorf(wire.CodeUnavailable, "%s: the API server at %s does not answer: %s", doing, b.config.Host, oneLine(bare(err).Error()))
	}
	return wire.Errorf(wire.CodeFailed, "%s: %s", doing, oneLine(err.Error()))
}

// unreachable says whether no answer came at all.
func unreachable(err error) bool {
	var network net.Error
	var request *url.Error
	return errors.As(err, &network) || errors.As(err, &request)
}

// bare takes the request's address off an error: it is long and says nothing to people.
func bare(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}

// oneLine puts text on one line.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
