package wire

import (
	"strings"
	"time"
)

// Op names an operation.
type Op string

// The operations of a session, the same for agentd and for the hub. "in" and "out" are the exchange's stream, client → server and back.
const (
	// OpState: StateReply. Viewer.
	OpState Op = "state"
	// OpLaunch: Launch → Launched; pushes Progress. Operator. agentd only (the hub has OpStart).
	OpLaunch Op = "launch"
	// OpStop: Stop → nothing, when the session is gone. Operator.
	OpStop Op = "stop"
	// OpPeek: Peek → PeekReply; the text comes out. Viewer.
	OpPeek Op = "peek"
	// OpNudge: Nudge; the message goes in; → nothing, when it is sure to be typed. The request's Key makes a repeat safe. Operator.
	OpNudge Op = "nudge"
	// OpKeys: Keys → nothing. Operator.
	OpKeys Op = "keys"
	// OpInterrupt: nothing → nothing. Types C-c. Operator.
	OpInterrupt Op = "interrupt"
	// OpActivity: ActivityReply. Viewer.
	OpActivity Op = "activity"
	// OpProcessAlive: ProcessAlive → ProcessAliveReply. Viewer.
	OpProcessAlive Op = "process-alive"
	// OpMetaGet: Meta → Meta, with Set false when there is no such key. Viewer.
	OpMetaGet Op = "meta-get"
	// OpMetaSet: Meta → nothing. Operator.
	OpMetaSet Op = "meta-set"
	// OpMetaRemove: Meta → nothing. Operator.
	OpMetaRemove Op = "meta-remove"
	// OpMetaList: nothing → MetaList. Viewer.
	OpMetaList Op = "meta-list"
	// OpClear: clears the scrollback. Operator.
	OpClear Op = "clear-scrollback"
	// OpPut: Put; a tar goes in; → PutReply. Operator.
	OpPut Op = "put"
	// OpGet: Get; a tar comes out, → GetReply. Operator (files may hold secrets).
	OpGet Op = "get"
	// OpAttach: Attach; terminal bytes both ways; the client pushes Size; → AttachReply. Viewer when ReadOnly, else operator.
	OpAttach Op = "attach"
	// OpOutput: Output; the agent's output as text lines comes out. Viewer.
	OpOutput Op = "output"
	// OpWatch: Watch; pushes Event until cancelled, or the session ends. Viewer.
	OpWatch Op = "watch"
)

// The hub's own operations.
const (
	// OpStart: Start → Launched; pushes Progress. The request's Key makes a repeat safe.
	OpStart Op = "start"
	// OpList: List → ListReply.
	OpList Op = "list"
	// OpWatchList: List; pushes ListReply now and after every change until cancelled.
	OpWatchList Op = "watch-list"
	// OpCheckImage: CheckImage → nothing.
	OpCheckImage Op = "check-image"
	// OpAttached: nothing → AttachedReply. Also of agentd.
	OpAttached Op = "is-attached"
	// OpEventsEnsure: nothing → nothing, when the event log is there.
	OpEventsEnsure Op = "events-ensure"
	// OpEventsRecord: EventsRecord; the event's JSON goes in; pushes EventsReserved; → EventsRecorded. The mark makes a repeat safe.
	OpEventsRecord Op = "events-record"
	// OpEventsList: EventsList; a JSON array of events comes out; → nothing.
	OpEventsList Op = "events-list"
	// OpEventsLatest: nothing → EventsLatestReply.
	OpEventsLatest Op = "events-latest"
	// OpEventsWatch: EventsWatch; events come out, a line each, until cancelled.
	OpEventsWatch Op = "events-watch"
	// OpEventsPrune: EventsPrune; pushes EventsPruned; → EventsPruned.
	OpEventsPrune Op = "events-prune"
	// OpHubStatus: nothing → HubStatus.
	OpHubStatus Op = "hub-status"
	// OpHubStop: HubStop → nothing, once the hub no longer listens. Sessions live on.
	OpHubStop Op = "hub-stop"
)

// State is where a session stands in its life.
type State string

// The states of a session, in order.
const (
	// StateWaiting: agentd is up and has nothing to run.
	StateWaiting State = "waiting"
	// StateStaging: files arrive, pre_start runs.
	StateStaging State = "staging"
	// StateRunning: the agent's tmux session lives.
	StateRunning State = "running"
	// StateExited: the agent has ended.
	StateExited State = "exited"
)

// Exit says how an agent ended.
type Exit struct {
	// Status is what agentd exits with: the agent's exit status, or 128+n after signal n.
	Status int `json:"status"`
	// Signal is the signal that ended the agent, 0 if none.
	Signal int `json:"signal,omitempty"`
	// Reason says what ended the session when it wasn't the agent's own exit ("stopped", "tmux died", "session killed").
	Reason string    `json:"reason,omitempty"`
	Time   time.Time `json:"time"`
}

// Status is a snapshot of a session: what OpState answers and OpWatch pushes.
type Status struct {
	State State `json:"state"`
	// Started is when the agent was launched, zero before.
	Started time.Time `json:"started,omitzero"`
	// Activity is when the agent last did something, zero when unknown.
	Activity time.Time `json:"activity,omitzero"`
	// Screen is the screen's version: it rises with every change, and text peeked at one version holds while the version does.
	Screen uint64 `json:"screen,omitempty"`
	// Columns and Rows are the window's size.
	Columns int `json:"columns,omitempty"`
	Rows    int `json:"rows,omitempty"`
	// Attached counts the terminals attached to the session.
	Attached int `json:"attached,omitempty"`
	// Stopping: a stop is under way. The session still is what State says, but is-running and process-alive are false.
	Stopping bool  `json:"stopping,omitempty"`
	Exit     *Exit `json:"exit,omitempty"`
}

// StateReply answers OpState.
type StateReply struct {
	Status
	Version string `json:"version"`
}

// Event is what OpWatch pushes: the first at once, then one after each change. Activity and Screen are coalesced: a watcher learns at once that
// the screen left the version it last peeked; of what changes after that, and of activity, at most every second while output goes on.
type Event struct {
	Status
	// Meta is the metadata (MetaList), if the watch asked for it: in an event as soon as it is known, and in one after each change. What programs in the
	// session change by themselves is seen within 5 s.
	Meta *MetaList `json:"meta,omitempty"`
}

// Watch asks for events.
type Watch struct {
	// Meta asks for the metadata, too. A change that was made through agentd is pushed before it is answered.
	Meta bool `json:"meta,omitempty"`
}

// Launch asks agentd to run an agent. All times are bounded by the request's life: a caller that cancels ends the launch, and the session with it.
type Launch struct {
	// Command is a shell command; empty means the user's shell.
	Command string `json:"command,omitempty"`
	WorkDir string `json:"work_dir,omitempty"`
	// MakeWorkDir has a missing work dir made, before pre_start, which runs in it, and once more after. Without it a missing one is an error: it may be a typo.
	MakeWorkDir bool              `json:"make_work_dir,omitempty"`
	Env         map[string]string `json:"env,omitempty"`
	// BaseEnv, when not nil, is what the agent's processes get under Env in place of agentd's own environment. It is no part of the session
	// environment, and so not of the metadata.
	BaseEnv map[string]string `json:"base_env,omitempty"`
	// Unset names variables of agentd's own environment that the agent must not see.
	Unset   []string `json:"unset,omitempty"`
	Columns int      `json:"columns,omitempty"`
	Rows    int      `json:"rows,omitempty"`

	PreStart           []string `json:"pre_start,omitempty"`
	SessionSetup       []string `json:"session_setup,omitempty"`
	SessionSetupScript string   `json:"session_setup_script,omitempty"`
	SessionLive        []string `json:"session_live,omitempty"`

	ProcessNames      []string `json:"process_names,omitempty"`
	ReadyPromptPrefix string   `json:"ready_prompt_prefix,omitempty"`
	ReadyDelayMS      int64    `json:"ready_delay_ms,omitempty"`
	// Nudge is typed once the agent is ready.
	Nudge string `json:"nudge,omitempty"`
}

// Progress is pushed during a launch or a start.
type Progress struct {
	// Step is a short present participle phrase ("running pre_start", "waiting for the prompt").
	Step string `json:"step,omitempty"`
	// Warning is something that went wrong without failing the start, one line.
	Warning string `json:"warning,omitempty"`
}

// Launched answers OpLaunch and OpStart.
type Launched struct {
	Status
}

// Stop asks for the end of a session.
type Stop struct {
	// GraceMS is how long the agent may take, in milliseconds; 0 means agentd's own grace period.
	GraceMS int64 `json:"grace_ms,omitempty"`
}

// Peek asks for the screen.
type Peek struct {
	// Lines of history above the visible screen; 0 or less means all.
	Lines int `json:"lines"`
	// Have is the screen version the caller holds text of, with the same Lines; if it still is current no text is sent.
	Have uint64 `json:"have,omitempty"`
}

// PeekReply answers OpPeek.
type PeekReply struct {
	Screen uint64 `json:"screen"`
	// Unchanged: Have is current, and no text was sent.
	Unchanged bool `json:"unchanged,omitempty"`
}

// Nudge asks for a message to be typed and submitted, after those that came before.
type Nudge struct {
	// Wait: the result comes when the message has been submitted, and is an error when it could not be. Without it the result comes when nothing but the
	// agent's end can keep the message from being typed: then a crash of agentd doesn't, either.
	Wait bool `json:"wait,omitempty"`
}

// Keys are tmux key names ("Enter", "Down", "C-c").
type Keys struct {
	Keys []string `json:"keys"`
}

// ActivityReply answers OpActivity; Time is zero when unknown.
type ActivityReply struct {
	Time time.Time `json:"time,omitzero"`
}

// ProcessAlive asks whether one of the named processes runs in the session.
type ProcessAlive struct {
	Names []string `json:"names"`
}

// ProcessAliveReply answers OpProcessAlive.
type ProcessAliveReply struct {
	Alive bool `json:"alive"`
}

// Meta is one metadata entry.
type Meta struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
	// Set distinguishes an empty value from none, in replies.
	Set bool `json:"set,omitempty"`
}

// Check tells what keeps op from taking the entry: CodeBadRequest, or CodeTooLarge. Entries live in a process environment, hence what a key and a value
// can't hold.
func (m Meta) Check(op Op) error {
	switch {
	case m.Key == "":
		return Errorf(CodeBadRequest, "%s: no key", op)
	case len(m.Key) > MaxMetaKey:
		return Errorf(CodeTooLarge, "%s: key of %d bytes, limit %d", op, len(m.Key), MaxMetaKey)
	case len(m.Value) > MaxMetaValue:
		return Errorf(CodeTooLarge, "%s: value of %d bytes, limit %d", op, len(m.Value), MaxMetaValue)
	case strings.ContainsAny(m.Key, "=\x00\n"):
		return Errorf(CodeBadRequest, "%s: key %q holds '=', a newline or a zero byte", op, m.Key)
	case strings.Contains(m.Value, "\x00"):
		return Errorf(CodeBadRequest, "%s: the value of %q holds a zero byte", op, m.Key)
	}
	return nil
}

// MetaList answers OpMetaList. It leaves out what start's env brought unless it begins with GC_ and isn't
// secret by its name.
type MetaList struct {
	Meta map[string]string `json:"meta"`
}

// Put sends a tar into the work dir. Entries that would land outside Dir are refused, and with them the rest.
type Put struct {
	// Dir is where the tar is unpacked: the work dir for "", relative to it otherwise. In StateWaiting and StateStaging WorkDir must be given.
	Dir     string `json:"dir,omitempty"`
	WorkDir string `json:"work_dir,omitempty"`
	// Encoding says how the tar is compressed: EncodingZstd, EncodingS2, or not at all.
	Encoding string `json:"encoding,omitempty"`
}

// EncodingZstd is Zstandard (RFC 8878) with a window of at most 1 MiB.
const EncodingZstd = "zstd"

// EncodingS2 is the stream format of S2, in blocks of at most 1 MiB: larger than EncodingZstd and made several times as fast, for a line that is faster than that is
// made.
const EncodingS2 = "s2"

// PutReply answers OpPut.
type PutReply struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Get asks for a file or folder as a tar.
type Get struct {
	// Path is relative to the work dir, or absolute within it.
	Path string `json:"path"`
}

// GetReply answers OpGet.
type GetReply struct {
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
	// Skipped says what was left out of the tar and why, a line each.
	Skipped []string `json:"skipped,omitempty"`
}

// Size is a terminal's size, pushed by the client of an attach.
type Size struct {
	Columns int `json:"columns"`
	Rows    int `json:"rows"`
}

// Attach asks for a terminal on the session. The size comes with the request: sent later, the first screen would be wrong.
type Attach struct {
	Size
	// Term is the terminal's type (TERM); a type the session's machine doesn't know falls back to xterm-256color.
	Term     string `json:"term,omitempty"`
	ReadOnly bool   `json:"read_only,omitempty"`
	// Encoding says how the output is compressed: EncodingZstd, in one frame that never ends, each write flushed; or not at all. Input is as typed.
	Encoding string `json:"encoding,omitempty"`
}

// AttachReply ends an attach.
type AttachReply struct {
	// Detached: the person left; the session lives on.
	Detached bool  `json:"detached,omitempty"`
	Exit     *Exit `json:"exit,omitempty"`
}

// Output asks for the log of the agent's output.
type Output struct {
	// Tail is how many lines of what was said before come first; negative means all that is kept.
	Tail int `json:"tail"`
	// Follow keeps the stream open for what comes.
	Follow bool `json:"follow,omitempty"`
}

// AttachedReply answers OpAttached.
type AttachedReply struct {
	Attached bool `json:"attached"`
}
