package front

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// maxStart leaves room in a message for what goes with start's JSON.
const maxStart = wire.MaxMessage / 2

func start(ctx context.Context, r *run, args []string) error {
	in, err := r.readInput(ctx, "the session's JSON", maxStart)
	if err != nil {
		return err
	}
	var s wire.Start
	if len(bytes.TrimSpace(in)) > 0 { // everything in it is optional
		if err := json.Unmarshal(in, &s.StartConfig); err != nil {
			return wire.Errorf(wire.CodeBadRequest, "the JSON on stdin: %s", err)
		}
	}
	if err := s.Resolve(); err != nil {
		return err
	}
	s.City = r.startCity(s.Env)
	s.BaseEnv = os.Environ()
	// With the key a second try finds what the first one began, not a duplicate.
	q := mux.Request{Op: wire.OpStart, Session: args[0], Key: rand.Text(), Body: s}
	err = r.link.do(ctx, noWaiting, func(ctx context.Context, c *mux.Conn) error { return r.launch(ctx, c, q) })
	if wire.CodeOf(err) == wire.CodeExists {
		return wire.Errorf(wire.CodeExists, "session %q %s: stop it first", args[0], exists)
	}
	return err
}

// exitTemporary is EX_TEMPFAIL of sysexits.h. gc takes it from start as "try again".
const exitTemporary = 75

// startStatus is the exit status of a start that failed.
func startStatus(err error) int {
	code := wire.CodeOf(err)
	if code == wire.CodeUnavailable || code == wire.CodeTimeout || mux.Lost(err) {
		return exitTemporary
	}
	return exitFailed
}

// startSays keeps what gc looks for out of all that start says, but for the one line that gc must read as a duplicate.
func startSays(text string, err error) string {
	if wire.CodeOf(err) == wire.CodeExists {
		return text
	}
	return withoutExists(text)
}

// launch asks for the session, and passes on the warnings that come meanwhile.
func (r *run) launch(ctx context.Context, c *mux.Conn, q mux.Request) error {
	k, err := c.Open(ctx, q)
	if err != nil {
		return err
	}
	defer k.Cancel()
	for {
		push, err := k.NextPush()
		if errors.Is(err, io.EOF) {
			return k.Result(nil)
		}
		if err != nil {
			return err
		}
		var p wire.Progress
		if err := json.Unmarshal(push, &p); err != nil {
			return fmt.Errorf("decode progress: %w", err)
		}
		if p.Warning != "" {
			r.say("start: warning: %s", p.Warning)
		}
	}
}
