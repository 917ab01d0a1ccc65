package front

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/client/events/remote"
)

// eventLog is the contract for events.
var eventLog = contract{
	program:    "gc-events-",
	about:      "%s is an event log for gc: GC_EVENTS=exec:%s",
	statuses:   "0 success, 1 failure, 2 unknown operation",
	operations: eventOps,
	exec:       ExecEvents,
}

var eventOps = map[string]operation{
	"ensure-running": {do: ensureRunning, about: "make what the log needs, if it isn't there"},
	"record":         {atOnce: true, do: record, about: "store the event whose JSON is on stdin"},
	"list":           {looks: true, do: listEvents, about: "print the events that meet the filter on stdin, as a JSON array"},
	"latest-seq":     {looks: true, do: latestSeq, about: "print the number of the last event; 0: none"},
	"watch":          {args: "<after>", min: 1, max: 1, unbounded: true, do: watchEvents, about: "print the events after that number, a line each, and what comes"},
}

// RunEvents does the operation of the contract for events that argv asks for, as RunSession does. A watch that is told to end, or whose stdout nobody reads
// any more, has succeeded.
func RunEvents(ctx context.Context, c Config, argv []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return serve(ctx, &eventLog, c, argv, stdin, stdout, stderr)
}

// spoolVariable is the setting that has events kept on this machine while the log can't be reached: 1.
const spoolVariable = "GC_EVENTS_SPOOL"

// events opens the event log.
func (r *run) events() (events.Log, error) {
	if r.config.Log != nil {
		return r.config.Log()
	}
	return r.remote(), nil
}

// remote is the log that the hub keeps.
func (r *run) remote() *remote.Log {
	log := remote.New(&r.link)
	said := ""
	log.Waits = func(why error) {
		if said != why.Error() { // once for each reason, however often it is tried
			said = why.Error()
			r.say("watch: waiting: %s", why)
		}
	}
	return log
}

// Do makes attempts as remote.Link wants them. A log out of reach is not waited for: the hub has done that.
func (l *link) Do(ctx context.Context, _ string, safe bool, f func(context.Context, *mux.Conn) error) error {
	if !safe {
		return l.do(ctx, onceOnly, f)
	}
	return l.do(ctx, noWaiting, f)
}

func ensureRunning(ctx context.Context, r *run, _ []string) error {
	log, err := r.events()
	if err != nil {
		return err
	}
	return log.Ensure(ctx)
}

func record(ctx context.Context, r *run, _ []string) error {
	given, err := r.readInput(ctx, "the event", events.MaxEvent)
	if wire.CodeOf(err) == wire.CodeTooLarge {
		return fmt.Errorf("%w: keep what is large elsewhere and name it in the payload", err)
	}
	if err != nil {
		return err
	}
	event, err := events.Stamp(given, time.Now()) // before all that may take time
	if err != nil {
		return err
	}
	log, err := r.events()
	if err != nil {
		return err
	}
	recorded, err := log.Record(ctx, events.Record{Event: event, Mark: rand.Text(), Spool: r.getenv(spoolVariable) == "1"})
	if err == nil && recorded.Spooled {
		r.say("record: the log can't be reached: the event is kept on this machine and stored later")
	}
	return err
}

func listEvents(ctx context.Context, r *run, _ []string) error {
	given, err := r.readInput(ctx, "the filter", wire.MaxMessage/2)
	if err != nil {
		return err
	}
	filter, err := events.ParseFilter(given)
	if err != nil {
		return err
	}
	text, err := r.listJSON(ctx, filter)
	if err != nil {
		return err
	}
	return r.print(string(text) + "\n")
}

// listJSON gives events as they are printed. What comes from a hub isn't read on the way.
func (r *run) listJSON(ctx context.Context, filter events.Filter) ([]byte, error) {
	if r.config.Log == nil {
		return r.remote().ListJSON(ctx, filter, 0)
	}
	log, err := r.events()
	if err != nil {
		return nil, err
	}
	list, err := log.List(ctx, filter, 0)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = events.WriteArray(&b, list)
	return b.Bytes(), err
}

func latestSeq(ctx context.Context, r *run, _ []string) error {
	log, err := r.events()
	if err != nil {
		return err
	}
	seq, err := log.Latest(ctx)
	if err != nil {
		return err
	}
	return r.print(strconv.FormatUint(seq, 10) + "\n")
}

func watchEvents(ctx context.Context, r *run, args []string) error {
	after, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no event's number: give the last one seen, or 0 for all", args[0])
	}
	log, err := r.events()
	if err != nil {
		return err
	}
	ctx, stop := whileRead(ctx, r.stdout)
	defer stop()
	err = log.Watch(ctx, after, func(e events.Event) error { return r.print(string(events.Line(e)) + "\n") })
	if ctx.Err() != nil || errors.Is(err, syscall.EPIPE) {
		return nil // nobody reads any more, or it was told to end
	}
	return err
}
