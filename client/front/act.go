package front

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// The operations that do something to a session that runs.

func stop(ctx context.Context, r *run, args []string) error {
	return missing(r.link.call(ctx, repeatable, mux.Request{Op: wire.OpStop, Session: args[0], Body: wire.Stop{}}, nil))
}

func nudge(ctx context.Context, r *run, args []string) error {
	message, err := r.readInput(ctx, "the message", wire.MaxNudge)
	if err != nil {
		return err
	}
	if len(message) == 0 {
		return fmt.Errorf("no message on stdin")
	}
	// The key makes it safe to ask again when the hub went away: a message that was typed is not typed twice.
	q := mux.Request{Op: wire.OpNudge, Session: args[0], Key: rand.Text(), Input: message}
	return missing(r.link.call(ctx, repeatable, q, nil))
}

func sendKeys(ctx context.Context, r *run, args []string) error {
	if len(args) == 1 {
		return nil
	}
	q := mux.Request{Op: wire.OpKeys, Session: args[0], Body: wire.Keys{Keys: args[1:]}}
	return missing(r.link.call(ctx, onceOnly, q, nil))
}

func interrupt(ctx context.Context, r *run, args []string) error {
	return missing(r.link.call(ctx, onceOnly, mux.Request{Op: wire.OpInterrupt, Session: args[0]}, nil))
}

func clearScrollback(ctx context.Context, r *run, args []string) error {
	return missing(r.link.call(ctx, repeatable, mux.Request{Op: wire.OpClear, Session: args[0]}, nil))
}

func setMeta(ctx context.Context, r *run, args []string) error {
	value, err := r.readInput(ctx, "the value", wire.MaxMetaValue)
	if err != nil {
		return err
	}
	if err := wire.CheckText(string(value)); err != nil {
		return fmt.Errorf("the value on stdin: %w", err)
	}
	q := mux.Request{Op: wire.OpMetaSet, Session: args[0], Body: wire.Meta{Key: args[1], Value: string(value), Set: true}}
	return r.link.call(ctx, repeatable, q, nil)
}

func removeMeta(ctx context.Context, r *run, args []string) error {
	return missing(r.link.call(ctx, repeatable, mux.Request{Op: wire.OpMetaRemove, Session: args[0], Body: wire.Meta{Key: args[1]}}, nil))
}
