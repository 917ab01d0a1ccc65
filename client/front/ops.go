package front

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// operation is one word of the contract.
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
}

// operations are what this build knows. Any other word is exit status 2.
var operations = map[string]operation{
	"start":             {args: "<name>", min: 1, max: 1, unbounded: true, do: start, about: "start a session from the JSON on stdin"},
	"stop":              {args: "<name>", min: 1, max: 1, do: stop, about: "end a session; success when there is none"},
	"is-running":        {args: "<name>", min: 1, max: 1, looks: true, do: isRunning, about: "print whether the session's agent runs"},
	"process-alive":     {args: "<name>", min: 1, max: 1, looks: true, do: processAlive, about: "print whether one of the processes named on stdin runs in it"},
	"nudge":             {args: "<name>", min: 1, max: 1, atOnce: true, do: nudge, about: "have the message on stdin typed and submitted"},
	"send-keys":         {args: "<name> <key>...", min: 1, max: -1, do: sendKeys, about: "press keys, by their tmux names"},
	"interrupt":         {args: "<name>", min: 1, max: 1, atOnce: true, do: interrupt, about: "press Ctrl-C"},
	"peek":              {args: "<name> <lines>", min: 2, max: 2, looks: true, do: peek, about: "print the screen and so many lines above it; 0: all"},
	"clear-scrollback":  {args: "<name>", min: 1, max: 1, do: clearScrollback, about: "forget the lines above the screen"},
	"get-last-activity": {args: "<name>", min: 1, max: 1, looks: true, do: lastActivity, about: "print when the agent last did something"},
	"set-meta":          {args: "<name> <key>", min: 2, max: 2, do: setMeta, about: "keep the value on stdin with the session"},
	"get-meta":          {args: "<name> <key>", min: 2, max: 2, looks: true, do: getMeta, about: "print a value kept with the session"},
	"remove-meta":       {args: "<name> <key>", min: 2, max: 2, do: removeMeta, about: "forget a value kept with the session"},
	"list-running":      {args: "[<prefix>]", min: 0, max: 1, looks: true, do: listRunning, about: "print the names of running sessions"},
	"attach":            {args: "<name>", min: 1, max: 1, unbounded: true, alone: true, do: attach, about: "show the session on this terminal"},
	"copy-to":           {args: "<name> <src> <rel-dst>", min: 2, max: 3, do: copyTo, about: "copy a file or folder into the session's work dir"},
	"copy-from":         {args: "<name> <path>", min: 2, max: 2, do: copyFrom, about: "print a file of the work dir, or a folder as a tar"},
	"check-image":       {args: "<image>", min: 1, max: 1, looks: true, do: checkImage, about: "tell whether an image can be used"},
	"is-attached":       {args: "<name>", min: 1, max: 1, looks: true, do: isAttached, about: "print whether a terminal is attached"},
	"protocol":          {args: "", min: 0, max: -1, alone: true, looks: true, do: protocol, about: "print the version of the contract, as JSON"},
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
	return nil
}

// help prints what there is.
func (r *run) help() error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is a session provider for gc: GC_SESSION=exec:%s\n", r.program(), r.argv0)
	fmt.Fprintf(&b, "People will find gcctl handier.\n\nUsage: %s <operation> [arguments]\n\nOperations:\n", r.program())
	for _, name := range slices.Sorted(maps.Keys(operations)) {
		o := operations[name]
		fmt.Fprintf(&b, "  %-42s %s\n", strings.TrimSpace(name+" "+o.args), o.about)
	}
	fmt.Fprintf(&b, "\nExit status: 0 success, 1 failure, 2 unknown operation, 75 start failed for now.\n")
	return r.print(b.String())
}
