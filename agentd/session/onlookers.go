package session

import (
	"context"
	"fmt"
)

// onlooker counts the read-only terminals, which must not change the window's size. tmux would give the window the size of such a terminal when there
// is no other: so while there are any, the control client has the window's size and counts as another.
func (a *agent) onlooker(ctx context.Context, by int) {
	a.mu.Lock()
	a.onlookers += by
	first, none := by > 0 && a.onlookers == by, a.onlookers == 0
	a.mu.Unlock()
	switch {
	case first:
		a.holdSize(ctx)
	case none:
		a.size(ctx, []string{"refresh-client", "-f", "ignore-size"})
	}
}

// keepSize follows a change of the window's size, or of the connection.
func (a *agent) keepSize(ctx context.Context) {
	a.mu.Lock()
	watched := a.onlookers > 0
	a.mu.Unlock()
	if watched {
		a.holdSize(ctx)
	}
}

// holdSize makes the control client count, with the size that the window has.
func (a *agent) holdSize(ctx context.Context) {
	now := a.session.board.read()
	a.size(ctx, []string{"refresh-client", "-C", fmt.Sprintf("%dx%d", now.Columns, now.Rows)}, []string{"refresh-client", "-f", "!ignore-size"})
}

// size asks on the present connection only: the supervisor makes another when that is lost, and comes here again.
func (a *agent) size(ctx context.Context, commands ...[]string) {
	ctx, cancel := context.WithTimeout(ctx, finishLimit)
	defer cancel()
	if _, err := a.connection().Sequence(ctx, commands...); err != nil && !lost(err) {
		a.session.log.Warn("a read-only terminal may change the window's size", "error", err)
	}
}
