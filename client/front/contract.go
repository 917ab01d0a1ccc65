package front

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gascity/agentd/agentd/wire"
)

// contract is one of gc's exec contracts.
type contract struct {
	// program begins the name of a program that was started without one.
	program string
	// about says in help what the program is for; its %s are the program and the path that it was started by.
	about string
	// statuses are the exit statuses, for help.
	statuses string
	// operations are what this build knows. Any other word is exit status 2.
	operations map[string]operation
	// exec is the hidden command of gcctl that does an operation with a hub of its own.
	exec string
}

// operation is one word of a contract.
type operation struct {
	name string
	// args is the form of the arguments, and min and max their number; max < 0 means any.
	args     string
	min, max int
	// about is one line of help.
	about string
	// unbounded: gc sets no time, or one that this process needn't know.
	unbounded bool
	// alone: needs no hub.
	alone bool
	// looks: changes nothing, anywhere.
	looks bool
	// atOnce: is over as soon as it has arrived, so that there is nothing to undo.
	atOnce bool
	do     func(ctx context.Context, r *run, args []string) error
	// reword changes what is said of an error, or of a warning where err is nil; nil: nothing is changed.
	reword func(text string, err error) string
	// status gives the exit status of a failure; nil: always 1.
	status func(err error) int
}

// named tells whether the operation's first argument is a session's name.
func (o operation) named() bool { return strings.HasPrefix(o.args, "<name>") }

// check judges the number of arguments, and the session's name.
func (o operation) check(program string, args []string) error {
	usage := strings.TrimSpace(program + " " + o.name + " " + o.args)
	switch {
	case o.named() && len(args) == 0:
		return fmt.Errorf("no session named: try %q", usage)
	case o.named() && args[0] == "":
		return fmt.Errorf("the session's name is empty: try %q", usage)
	case len(args) < o.min:
		return fmt.Errorf("too few arguments: try %q", usage)
	case o.max >= 0 && len(args) > o.max:
		return fmt.Errorf("too many arguments, from %q on: try %q", args[o.max], usage)
	}
	return wire.CheckText(args...)
}

// help prints what there is.
func (r *run) help() error {
	var b strings.Builder
	fmt.Fprintf(&b, r.contract.about+"\n", r.program(), r.argv0)
	fmt.Fprintf(&b, "People will find gcctl handier.\n\nUsage: %s <operation> [arguments]\n\nOperations:\n", r.program())
	for _, name := range slices.Sorted(maps.Keys(r.contract.operations)) {
		o := r.contract.operations[name]
		fmt.Fprintf(&b, "  %-42s %s\n", strings.TrimSpace(name+" "+o.args), o.about)
	}
	fmt.Fprintf(&b, "\nExit status: %s.\n", r.contract.statuses)
	return r.print(b.String())
}

// explain says what went wrong.
func (r *run) explain(err error) string {
	if r.op.name == "" {
		return err.Error()
	}
	var stale *staleError
	switch code := wire.CodeOf(err); {
	case errors.As(err, &stale):
		return r.op.name + ": " + stale.Error()
	case code == wire.CodeCanceled:
		return r.op.name + ": cancelled"
	case code == wire.CodeTimeout && !r.op.unbounded:
		return fmt.Sprintf("%s: not done within %s: %s", r.op.name, opTime, err)
	default:
		return r.op.name + ": " + err.Error()
	}
}
