package hub

import (
	"context"
	"sync"
)

// nameLocks lets one start or stop at a time work on a name.
type nameLocks struct {
	mu   sync.Mutex
	held map[string]*nameLock
}

type nameLock struct {
	token chan struct{}
	users int
}

// lock waits for the name until ctx ends. The returned function releases it.
func (l *nameLocks) lock(ctx context.Context, name string) (func(), error) {
	l.mu.Lock()
	n := l.held[name]
	if n == nil {
		n = &nameLock{token: make(chan struct{}, 1)}
		l.held[name] = n
	}
	n.users++
	l.mu.Unlock()

	leave := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if n.users--; n.users == 0 {
			delete(l.held, name)
		}
	}
	select {
	case n.token <- struct{}{}:
		return func() { <-n.token; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
