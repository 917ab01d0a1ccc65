package gcctl

import (
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// age gives a time span as kubectl does. One that clocks make negative is none.
func age(d time.Duration) string { return duration.HumanDuration(max(0, d)) }

// since gives the age of t at now, "-" for a zero t.
func since(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return age(now.Sub(t))
}
