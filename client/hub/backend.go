package hub

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// Backend is where sessions run. The hub does what is the same everywhere: links, caches, the start flow, dispatch.
type Backend interface {
	// Name is the backend's short name ("local").
	Name() string
	// Scan gives every session there is, live or ended. It is cheap when nothing came or went since the last call.
	Scan(ctx context.Context) ([]Endpoint, error)
	// Find gives the session of that name, nil when there is none. It is cheap, and sees what another process made a moment ago.
	Find(ctx context.Context, name string) (Endpoint, error)
	// Adapt changes a launch to fit the machine that it will run on: paths, environment.
	Adapt(launch *wire.Launch, start *wire.Start) error
	// Create makes the place for a session and starts its agentd, without waiting until that answers. Until Launched or Remove the session counts as
	// half-made, whatever becomes of this process. What a failed or cancelled Create made is gone when it returns. A session of
	// that name must not exist: wire.CodeState otherwise.
	Create(ctx context.Context, spec Spec) (Endpoint, error)
	// Files gives what of this machine's files a start copies to the session, in order, each laid over the last. The launch has been adapted.
	Files(start *wire.Start, launch *wire.Launch) ([]Files, error)
	// CheckImage says whether a start with that image, and the settings in that environment, would find it usable.
	CheckImage(ctx context.Context, q wire.CheckImage) error
	// Stale says whether what the backend was opened with has come to mean another place. A hub then leaves, and the next one finds the new place. It is cheap.
	Stale() bool
}

// Spec is what Create must know and what is kept with the session.
type Spec struct {
	Name string
	City string
	// Key is the start request's: the same start again is answered with success.
	Key string
	// WorkDir and Command are shown in lists.
	WorkDir string
	Command string
	// Env is the environment that the start gives its agent, as it came.
	Env map[string]string
	// BaseEnv is the environment of whoever starts the session, nil when unknown.
	BaseEnv []string
}

// Record is what a backend keeps about a session.
type Record struct {
	Name string
	City string
	Key  string
	// Instance tells a session from the one that had its name before.
	Instance string
	// Audience is what tokens for this session are bound to.
	Audience string
	Created  time.Time
	WorkDir  string
	Command  string
	// PID is agentd's process, 0 when it isn't on this machine.
	PID int
	// Pod and Node say where it is instead: empty on this machine, and Node as long as the pod has none.
	Pod, Node string
	// Encoding is how files are best compressed on their way there, empty for not at all.
	Encoding string
}

// Condition is what a backend sees of a session without agentd's help.
type Condition int

// The conditions.
const (
	// Reachable: agentd should answer.
	Reachable Condition = iota
	// Making: a start of this session is under way, here or in another process.
	Making
	// HalfMade: a start was cut off. Nothing of it is worth keeping.
	HalfMade
	// Orphaned: agentd has gone and the session lives. Revive gives it a new agentd.
	Orphaned
	// Ended: nothing lives; the metadata and the log remain.
	Ended
	// Gone: nothing remains, or another instance has taken the name.
	Gone
	// Foreign: something that isn't ours runs under the name, without an agentd. It can be listed and removed, nothing else.
	Foreign
)

// Endpoint is one session in a backend. Its methods may be called from several goroutines.
type Endpoint interface {
	Record() Record
	// Dial opens a connection to agentd's websocket port.
	Dial(ctx context.Context) (net.Conn, error)
	// Doomed waits until it is known that agentd never answers, or not any more; the error says why. When ctx ends first it is nil. Meanwhile it tells what
	// the session waits for, in words ("pulling image …"), as that changes, and by an empty step that agentd may be expected to answer.
	Doomed(ctx context.Context, tell func(step string)) error
	// Inspect looks at what there is. It is asked when a dial has failed or a link has ended.
	Inspect(ctx context.Context) (Condition, error)
	// Revive starts a new agentd for an orphaned session.
	Revive(ctx context.Context) error
	// Launched notes that the session was started completely.
	Launched(ctx context.Context) error
	// Remove ends what lives of the session, by force, and deletes all that there is of it. dead says that agentd has told of its end, so that nothing
	// is there to be ended. It is idempotent, and does nothing to a later instance.
	Remove(ctx context.Context, dead bool) error
	// Terminating says that the session was told to end, by whomever, whether its agentd can be asked or not. It is cheap.
	Terminating() bool
	// Unlaunched says that no agent was launched yet, as far as the session's agentd has told nothing: this process makes it, or its place isn't up. It is what
	// holds now, also where the backend hears of changes late, and false where that can't be known.
	Unlaunched(ctx context.Context) bool
	// Meta gives the metadata that an ended session left.
	Meta(ctx context.Context) (map[string]string, error)
	// ChangeMeta changes the metadata that an ended session left. A session that is gone is wire.CodeNoSession.
	ChangeMeta(ctx context.Context, change func(map[string]string)) error
	// Log writes the last lines of the agent's output of an ended session, all that is kept when tail is negative.
	Log(ctx context.Context, tail int, w io.Writer) error
	// Exit says how the agent of an ended session ended, nil when that isn't known.
	Exit(ctx context.Context) *wire.Exit
	// Why gives the last thing agentd said, for an error's text: why it could not start. Of something foreign it says what that is. Empty when
	// there is nothing to say.
	Why(ctx context.Context) string
}

// Mirror is an Endpoint that keeps the metadata of a live session for the time after it, where agentd can't itself.
type Mirror interface {
	// Mirror replaces what is kept by meta.
	Mirror(ctx context.Context, meta map[string]string) error
	// Complete says that the metadata of an ended session hold all that there was to say, as agentd itself left them, or they were changed since: no mirror
	// is newer. It is cheap.
	Complete(ctx context.Context) bool
	// Told gives the metadata of an ended session to a hub that was told these last, and has mirrored the others last, nil when nothing. What agentd itself left,
	// or others changed since, is newer, and so is what another hub mirrored since where agentd left nothing; but agentd may have had no room for large values.
	// It is cheap.
	Told(ctx context.Context, told, mirrored map[string]string) map[string]string
	// MirrorTold keeps those metadata, and so undoes nothing that is newer. A session that is gone is wire.CodeNoSession.
	MirrorTold(ctx context.Context, told, mirrored map[string]string) error
}
