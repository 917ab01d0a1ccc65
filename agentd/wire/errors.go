package wire

import (
	"context"
	"errors"
	"fmt"
)

// Code classifies an error for programs; the text is for people.
type Code string

// The error codes. A receiver treats an unknown code as CodeInternal.
const (
	// CodeNoSession: there is no such session, or its agent has ended.
	CodeNoSession Code = "no_session"
	// CodeExists: a live session has that name already. Only start says so.
	CodeExists Code = "exists"
	// CodeBadRequest: the request can't be right, whoever asks, whenever.
	CodeBadRequest Code = "bad_request"
	// CodeUnknownOp: the receiver doesn't know the operation (it may be older than the sender).
	CodeUnknownOp Code = "unknown_op"
	// CodeForbidden: the caller's role does not allow the operation.
	CodeForbidden Code = "forbidden"
	// CodeState: the operation doesn't fit the session's state (a launch of a running session).
	CodeState Code = "state"
	// CodeTooLarge: over one of the limits.
	CodeTooLarge Code = "too_large"
	// CodeCanceled: the caller cancelled, or went away.
	CodeCanceled Code = "canceled"
	// CodeTimeout: not done within its time.
	CodeTimeout Code = "timeout"
	// CodeUnavailable: what is needed can't be reached just now; trying again later may work.
	CodeUnavailable Code = "unavailable"
	// CodeUnsupported: sessions of this kind can't do it (a pod that runs no agentd).
	CodeUnsupported Code = "unsupported"
	// CodeFailed: it was tried and failed for a reason the text tells (the agent's command died, a file can't be written).
	CodeFailed Code = "failed"
	// CodeInternal: a fault of ours.
	CodeInternal Code = "internal"
)

// Error is an error as it crosses the wire.
type Error struct {
	Code Code   `json:"code"`
	Text string `json:"text"`
}

// Error gives the text alone: it is what a person reads.
func (e *Error) Error() string { return e.Text }

// Errorf makes an Error of the given code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// CodeOf gives err's code: that of an Error in its chain, a matching code for the context's errors, CodeInternal otherwise, "" for nil.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	default:
		return CodeInternal
	}
}

// AsError gives err as it is sent: its code, with the whole chain's text. It is nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	return &Error{Code: CodeOf(err), Text: err.Error()}
}
