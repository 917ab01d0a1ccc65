package connect

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

const (
	// attempts bounds how often a call is put to hubs that go away under it: a hub that dies of the call itself must not be started for ever.
	attempts = 5
	// retryPause is the pause before the third and later attempts.
	retryPause = 100 * time.Millisecond
)

// NewKey makes a key for a request that must not take effect twice.
func NewKey() string { return rand.Text() }

// Client keeps a connection to the hub, and makes another when that is lost. Close ends it.
type Client struct {
	options Options

	mu   sync.Mutex
	conn *mux.Conn
}

// New makes a client. It connects when first used.
func New(o Options) *Client { return &Client{options: o} }

// Close ends the connection.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		// A hub that has left doesn't need telling.
		_ = c.conn.Close(wire.CloseNormal, "")
		c.conn = nil
	}
}

// Conn gives the connection, made anew if it was lost.
func (c *Client) Conn(ctx context.Context) (*mux.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && c.conn.Err() == nil {
		return c.conn, nil
	}
	if c.conn != nil {
		_ = c.conn.Close(wire.CloseNormal, "")
		c.conn = nil
	}
	conn, err := Hub(ctx, c.options)
	if err != nil {
		return nil, err
	}
	c.conn = conn
	return conn, nil
}

// Call makes a request that streams nothing but its input. Should the hub go away before it has answered, the request is made again when that is safe: it
// changes nothing, changes nothing the second time, or bears a Key. Otherwise it is an error that says so.
func (c *Client) Call(ctx context.Context, r mux.Request, reply any, safe bool) error {
	return c.Do(ctx, string(r.Op), safe, func(ctx context.Context, conn *mux.Conn) error {
		return conn.Call(ctx, r, reply)
	})
}

// Do calls f with a connection. When the hub goes away meanwhile (f's error has a *mux.LostError in its chain), f is called again with another one if
// that is safe; otherwise it is an error that names what was being done.
func (c *Client) Do(ctx context.Context, what string, safe bool, f func(context.Context, *mux.Conn) error) error {
	for attempt := 1; ; attempt++ {
		conn, err := c.Conn(ctx)
		if err != nil {
			return err
		}
		err = f(ctx, conn)
		if !mux.Lost(err) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", what, ctx.Err())
		}
		if !safe {
			return wire.Errorf(wire.CodeUnavailable, "hub went away during %s; it may or may not have happened", what)
		}
		if attempt == attempts {
			return wire.Errorf(wire.CodeUnavailable, "hub went away %d times during %s: %v", attempts, what, err)
		}
		if attempt > 1 {
			if err := pause(ctx); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(retryPause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Call makes one request over a connection of its own, as Client's Call does.
func Call(ctx context.Context, o Options, r mux.Request, reply any, safe bool) error {
	c := New(o)
	defer c.Close()
	return c.Call(ctx, r, reply, safe)
}
