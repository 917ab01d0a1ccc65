package agentd

import (
	"context"
	"time"
)

// quietTime is how long a session must be quiet for its memory to be given back. The work itself costs a millisecond, and so does having to map
// again what is needed again: nothing to a session that rests, and nothing to one that works, for which it isn't done.
const quietTime = 3 * time.Second

// rest calls trim once whenever nothing has changed for quietTime, until ctx ends. While things change it wakes but once in that time.
func rest(ctx context.Context, changed func() <-chan struct{}, trim func()) {
	quiet := time.NewTimer(quietTime)
	defer quiet.Stop()
	for {
		change := changed()
		select {
		case <-quiet.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-change: // at work
		default:
			trim()
			select {
			case <-change:
			case <-ctx.Done():
				return
			}
		}
		quiet.Reset(quietTime)
	}
}
