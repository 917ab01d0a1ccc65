package front

// sessions is the contract for sessions.
var sessions = contract{
	program:    "gc-session-",
	about:      "%s is a session provider for gc: GC_SESSION=exec:%s",
	statuses:   "0 success, 1 failure, 2 unknown operation, 75 start failed for now",
	operations: sessionOps,
	exec:       ExecSession,
}

var sessionOps = map[string]operation{
	"start":             {args: "<name>", min: 1, max: 1, unbounded: true, do: start, reword: startSays, status: startStatus, about: "start a session from the JSON on stdin"},
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
