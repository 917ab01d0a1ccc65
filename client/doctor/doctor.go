// Package doctor looks for what keeps sessions from working, and says of each trouble what to do about it.
//
// A check is a group, a name and a function. Checks that don't need one another run at the same time; what they find is told in their order. Packages
// cluster and machine have those of the two places where sessions run.
package doctor

import (
	"context"
	"fmt"
	"time"
)

// Status is how well something is.
type Status string

// The statuses. A warning is something to know that need not be mended.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Failed  Status = "failed"
	// Skipped: a check that this one needs has failed.
	Skipped Status = "skipped"
)

// Finding is one line of a report.
type Finding struct {
	Group string `json:"group"`
	// Check is the name of the check that found it.
	Check  string `json:"check"`
	Status Status `json:"status"`
	Text   string `json:"text"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`
}

// Good is that all is well.
func Good(format string, args ...any) Finding {
	return Finding{Status: OK, Text: fmt.Sprintf(format, args...)}
}

// Doubtful is something to know.
func Doubtful(hint, format string, args ...any) Finding {
	return Finding{Status: Warning, Text: fmt.Sprintf(format, args...), Hint: hint}
}

// Bad is something that keeps sessions from working.
func Bad(hint, format string, args ...any) Finding {
	return Finding{Status: Failed, Text: fmt.Sprintf(format, args...), Hint: hint}
}

// Check looks at one thing.
type Check struct {
	Group string
	// Name names the check among all. It reads well after "checking" and "needs".
	Name string
	// Needs names earlier checks that this one makes no sense without: when one of them has failed, this one is skipped.
	Needs []string
	// After names earlier checks that must have ended before this one begins, however they did.
	After []string
	// Within bounds it; 0 means usualTime.
	Within time.Duration
	// Run looks. It returns soon after the end of ctx, and in any case finds something. Group and Check are filled in.
	Run func(ctx context.Context) []Finding
}

// usualTime bounds a check that does not say otherwise: what takes longer does not work for sessions either.
const usualTime = 10 * time.Second
