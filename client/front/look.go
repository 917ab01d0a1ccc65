package front

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// The operations that only look. A session that is missing has nothing to show, which is an answer and no error.

func isRunning(ctx context.Context, r *run, args []string) error {
	var s wire.StateReply
	err := missing(r.link.call(ctx, repeatable, mux.Request{Op: wire.OpState, Session: args[0]}, &s))
	if err != nil {
		return err
	}
	return r.print(yesOrNo(s.State == wire.StateRunning && !s.Stopping))
}

func processAlive(ctx context.Context, r *run, args []string) error {
	in, err := r.readInput(ctx, "the names", wire.MaxMessage/2)
	if err != nil {
		return err
	}
	var names []string
	for name := range strings.SplitSeq(string(in), "\n") {
		if name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("no process names on stdin: give one a line")
	}
	var alive wire.ProcessAliveReply
	q := mux.Request{Op: wire.OpProcessAlive, Session: args[0], Body: wire.ProcessAlive{Names: names}}
	if err := missing(r.link.call(ctx, repeatable, q, &alive)); err != nil {
		return err
	}
	return r.print(yesOrNo(alive.Alive))
}

func peek(ctx context.Context, r *run, args []string) error {
	lines, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("%q is no number of lines: give one, or 0 for all", args[1])
	}
	var text []byte
	err = r.link.do(ctx, repeatable, func(ctx context.Context, c *mux.Conn) error {
		k, err := c.Open(ctx, mux.Request{Op: wire.OpPeek, Session: args[0], Body: wire.Peek{Lines: lines}})
		if err != nil {
			return err
		}
		defer k.Cancel()
		if text, err = io.ReadAll(k); err != nil {
			return err
		}
		return k.Result(nil)
	})
	if missing(err) != nil {
		return err
	}
	if err != nil {
		return nil
	}
	return r.print(string(text))
}

// activityFormat is RFC 3339 with the precision that means something: the screen is looked at some ten times a second.
const activityFormat = "2006-01-02T15:04:05.000Z07:00"

func lastActivity(ctx context.Context, r *run, args []string) error {
	var a wire.ActivityReply
	if err := missing(r.link.call(ctx, repeatable, mux.Request{Op: wire.OpActivity, Session: args[0]}, &a)); err != nil {
		return err
	}
	if a.Time.IsZero() {
		return nil
	}
	return r.print(a.Time.UTC().Format(activityFormat) + "\n")
}

func getMeta(ctx context.Context, r *run, args []string) error {
	var m wire.Meta
	q := mux.Request{Op: wire.OpMetaGet, Session: args[0], Body: wire.Meta{Key: args[1]}}
	if err := missing(r.link.call(ctx, repeatable, q, &m)); err != nil {
		return err
	}
	return r.print(m.Value)
}

func listRunning(ctx context.Context, r *run, args []string) error {
	list := wire.List{City: r.listCity()}
	if len(args) > 0 {
		list.Prefix = args[0]
	}
	var reply wire.ListReply
	if err := r.link.call(ctx, repeatable, mux.Request{Op: wire.OpList, Body: list}, &reply); err != nil {
		return err
	}
	var b strings.Builder
	for _, s := range reply.Sessions {
		if s.State == wire.StateRunning && !s.Stopping {
			b.WriteString(s.Name + "\n")
		}
	}
	return r.print(b.String())
}

func isAttached(ctx context.Context, r *run, args []string) error {
	var a wire.AttachedReply
	if err := missing(r.link.call(ctx, repeatable, mux.Request{Op: wire.OpAttached, Session: args[0]}, &a)); err != nil {
		return err
	}
	return r.print(yesOrNo(a.Attached))
}

func checkImage(ctx context.Context, r *run, args []string) error {
	return r.link.call(ctx, repeatable, mux.Request{Op: wire.OpCheckImage, Body: wire.CheckImage{Image: args[0], BaseEnv: os.Environ()}}, nil)
}

func protocol(_ context.Context, r *run, _ []string) error {
	return r.print(`{"version":0,"capabilities":["report-attachment","report-activity"]}` + "\n")
}

// missing makes a session that isn't there no error: the reply stays as it was.
func missing(err error) error {
	if wire.CodeOf(err) == wire.CodeNoSession {
		return nil
	}
	return err
}

func yesOrNo(yes bool) string { return strconv.FormatBool(yes) + "\n" }
