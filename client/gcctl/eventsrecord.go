package gcctl

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/client/events"
)

// recordTime is how long a record may take, as gc has it.
const recordTime = 30 * time.Second

type eventsRecordOptions struct {
	app                           *app
	kind, actor, subject, message string
	payload                       string
	spool                         bool
}

func newEventsRecord(a *app) *cobra.Command {
	o := &eventsRecordOptions{app: a}
	cmd := &cobra.Command{
		Use:   "record [-]",
		Short: "Record an event",
		Long: `Record an event, and print its number once it is stored. With - the whole event
is read from stdin, as gc gives it: a JSON object, which is kept byte for byte
but for its number and, where it has none, its time.

The actor is, where none is given, the one in GC_AGENT, else "human".`,
		Example: `  gcctl events record --type deploy.done --subject shop --message 'release 7 is out'
  gcctl events record --type test.failed --payload @report.json
  echo '{"type":"note","actor":"me","payload":{"n":1}}' | gcctl events record -`,
		Args:              o.args,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), len(args) > 0) },
	}
	f := cmd.Flags()
	f.StringVar(&o.kind, "type", "", "the event's `TYPE`, as in bead.closed")
	f.StringVar(&o.actor, "actor", "", "`WHO` did it")
	f.StringVar(&o.subject, "subject", "", "`WHAT` it was done to")
	f.StringVar(&o.message, "message", "", "`TEXT` for people")
	f.StringVar(&o.payload, "payload", "", "further data: `JSON`, @FILE that holds it, or - for stdin")
	f.BoolVar(&o.spool, "spool", false, "where the cluster can't be reached, keep the event on this machine and record it later (also: GC_EVENTS_SPOOL=1)")
	freeFlags(cmd, "subject", "message")
	_ = cmd.RegisterFlagCompletionFunc("type", a.completeEvents(func(e events.Event) string { return e.Type }))
	_ = cmd.RegisterFlagCompletionFunc("actor", a.completeEvents(func(e events.Event) string { return e.Actor }))
	return cmd
}

func (o *eventsRecordOptions) args(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 1:
		return usage(cmd, "unexpected argument %q", args[1])
	case len(args) == 1 && args[0] != "-":
		return usage(cmd, "unexpected argument %q", args[0])
	case len(args) == 0 && o.kind == "":
		return usage(cmd, "no type given: --type says what happened")
	}
	for _, name := range []string{"type", "actor", "subject", "message", "payload"} {
		if len(args) == 1 && cmd.Flag(name).Changed {
			return usage(cmd, "--%s and - exclude each other: the event on stdin has its own", name)
		}
	}
	return nil
}

func (o *eventsRecordOptions) run(ctx context.Context, whole bool) error {
	given, err := o.event(ctx, whole)
	if err != nil {
		return err
	}
	stamped, err := events.Stamp(given, time.Now())
	if err != nil {
		return err
	}
	log, err := o.app.eventLog(o.app.hub)
	if err != nil {
		return err
	}
	timed, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	spool := o.spool || o.app.getenv("GC_EVENTS_SPOOL") == "1"
	r, err := log.Record(timed, events.Record{Event: stamped, Mark: rand.Text(), Spool: spool})
	if err != nil {
		return o.app.explain(ctx, "", err)
	}
	if r.Spooled {
		fmt.Fprintln(o.app.streams.Err, "the cluster can't be reached: the event is kept on this machine, and is recorded when it can be")
		return nil
	}
	_, err = fmt.Fprintln(o.app.streams.Out, r.Seq)
	return err
}

// event gives the event that is to be recorded.
func (o *eventsRecordOptions) event(ctx context.Context, whole bool) ([]byte, error) {
	if whole {
		return atMostAnEvent(o.app.readStdin(ctx, "the event", events.MaxEvent))
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		Type    string `json:"type"`
		Actor   string `json:"actor"`
		Subject string `json:"subject,omitempty"`
		Message string `json:"message,omitempty"`
	}{o.kind, cmp.Or(o.actor, o.app.getenv("GC_AGENT"), "human"), o.subject, o.message})
	if err != nil || o.payload == "" {
		return b.Bytes(), err
	}
	payload, err := o.readPayload(ctx)
	if err != nil {
		return nil, err
	}
	if !json.Valid(payload) {
		return nil, fmt.Errorf("the payload is no JSON: a text is given in quotes of its own, as in %s", `'"text"'`)
	}
	head := bytes.TrimSuffix(b.Bytes(), []byte("}\n"))
	return append(append(append(head, `,"payload":`...), bytes.TrimSpace(payload)...), '}'), nil
}

func (o *eventsRecordOptions) readPayload(ctx context.Context) ([]byte, error) {
	name, isFile := strings.CutPrefix(o.payload, "@")
	switch {
	case o.payload == "-":
		return atMostAnEvent(o.app.readStdin(ctx, "the payload", events.MaxEvent))
	case isFile:
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read the payload: %w", err)
		}
		defer file.Close()
		return atMostAnEvent(io.ReadAll(io.LimitReader(file, events.MaxEvent+1)))
	}
	return []byte(o.payload), nil
}

// atMostAnEvent refuses what was read when it is more than an event could hold.
func atMostAnEvent(text []byte, err error) ([]byte, error) {
	if err == nil && len(text) > events.MaxEvent {
		err = fmt.Errorf("there are more than the %d bytes that a log takes: keep what is large elsewhere and name it in the payload", events.MaxEvent)
	}
	return text, err
}
