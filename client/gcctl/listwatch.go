package gcctl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// list asks the hub for its sessions.
func (a *app) list(ctx context.Context, ask wire.List) (wire.ListReply, error) {
	var reply wire.ListReply
	err := a.call(ctx, mux.Request{Op: wire.OpList, Body: ask}, &reply)
	if reply.Sessions == nil {
		reply.Sessions = []wire.Info{} // [] in JSON, not null
	}
	return reply, err
}

// follow keeps a list up to date until ctx ends.
func (o *listOptions) follow(ctx context.Context, ask wire.List) error {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	lists := make(chan wire.ListReply, 1)
	var watchErr error // read after lists is closed
	go func() {
		defer close(lists)
		watchErr = o.app.watchList(watching, ask, lists)
	}()
	err := o.show(ctx, lists)
	cancel()
	for range lists { // until the watcher has ended
	}
	if err == nil {
		err = o.app.explain(ctx, "", watchErr)
	}
	return err
}

// show prints the lists that come until they end, or ctx does.
func (o *listOptions) show(ctx context.Context, lists <-chan wire.ListReply) error {
	out, inPlace := o.app.streams.Out.(*os.File)
	inPlace = inPlace && isTerminal(out) && !o.output.structured() && o.output.format != "name"
	second := time.NewTicker(time.Second) // ages move on by themselves
	defer second.Stop()
	var last, before []wire.Info
	redrawn := &redrawn{out: out}
	for {
		select {
		case reply, open := <-lists:
			if !open {
				return nil
			}
			last, before = reply.Sessions, last
			if last == nil {
				last = []wire.Info{}
			}
		case <-second.C:
			if !inPlace || last == nil {
				continue
			}
		case <-ctx.Done():
			return errInterrupted
		}
		var err error
		if inPlace {
			err = redrawn.draw(o.rows(last, time.Now(), !o.noHeaders), paletteFor(out, o.app.getenv))
		} else {
			err = o.append(o.app.streams.Out, last, before)
		}
		if err != nil {
			return err
		}
	}
}

// append prints what changed since the list before, which is nil for the first. Ages and activity alone are no change.
func (o *listOptions) append(w io.Writer, list, before []wire.Info) error {
	if o.output.structured() {
		return o.output.write(w, wire.ListReply{Sessions: list}, true)
	}
	same := func(a, b wire.Info) bool {
		return a.Name == b.Name && a.Created.Equal(b.Created) && stateOf(a) == stateOf(b) && sizeOf(a) == sizeOf(b) && a.Attached == b.Attached
	}
	named := o.output.format == "name" // which tells of those that come, and no more
	var changed []wire.Info
	for _, s := range list {
		if !slices.ContainsFunc(before, func(b wire.Info) bool { return same(s, b) || named && s.Name == b.Name }) {
			changed = append(changed, s)
		}
	}
	for _, b := range before {
		if !named && !slices.ContainsFunc(list, func(s wire.Info) bool { return s.Name == b.Name }) {
			b.State, b.Lost, b.Exit, b.Stopping = "gone", "", nil, false
			changed = append(changed, b)
		}
	}
	if len(changed) == 0 && before != nil {
		return nil
	}
	return o.table.write(w, o.rows(changed, time.Now(), !o.noHeaders && before == nil), paletteFor(w, o.app.getenv))
}

// watchList hands over every list that the hub pushes, the newest only when they come faster than they are taken.
func (a *app) watchList(ctx context.Context, ask wire.List, lists chan wire.ListReply) error {
	return a.hub().Do(ctx, string(wire.OpWatchList), true, func(ctx context.Context, c *mux.Conn) error {
		k, err := c.Open(ctx, mux.Request{Op: wire.OpWatchList, Body: ask})
		if err != nil {
			return err
		}
		defer k.Cancel()
		for {
			raw, err := k.NextPush()
			if errors.Is(err, io.EOF) {
				return k.Result(nil)
			}
			if err != nil {
				return err
			}
			var reply wire.ListReply
			if err := json.Unmarshal(raw, &reply); err != nil {
				return fmt.Errorf("decode a list: %w", err)
			}
			select {
			case <-lists: // an older one that nobody has taken
			default:
			}
			lists <- reply
		}
	})
}

// redrawn is a block of lines that is drawn again in its place.
type redrawn struct {
	out   *os.File
	lines int
}

func (r *redrawn) draw(rows [][]cell, p palette) error {
	columns, height, err := term.GetSize(int(r.out.Fd()))
	if err != nil || columns <= 0 || height <= 1 {
		columns, height = 80, 24
	}
	lines := new(table).lines(rows, p, columns)
	if len(lines) >= height { // what scrolls away can't be drawn again
		hidden := len(lines) - (height - 2)
		lines = append(lines[:height-2], fmt.Sprintf("… %d more", hidden))
	}
	var b strings.Builder
	if r.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", r.lines)
	}
	b.WriteString("\r\x1b[J" + joinLines(lines))
	r.lines = len(lines)
	_, err = io.WriteString(r.out, b.String())
	return err
}
