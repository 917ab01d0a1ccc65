package paths

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
)

// idLength is the length of a session id.
const idLength = 16

// SessionID names a session's folders: the first 16 hex digits of the SHA-256 of its name, since a name may hold anything.
func SessionID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:idLength]
}

// Keys is the folder of the signing key.
func (d Dirs) Keys() string { return filepath.Join(d.State, "keys") }

// Sessions is the folder that holds a folder for every local session.
func (d Dirs) Sessions() string { return filepath.Join(d.State, "local") }

// SessionState is the folder of what a local session leaves behind: its description, metadata and logs.
func (d Dirs) SessionState(id string) string { return filepath.Join(d.Sessions(), id) }

// SessionRun is the folder of a local session's sockets. It is the session's TMUX_TMPDIR, too.
func (d Dirs) SessionRun(id string) string { return filepath.Join(d.Runtime, "s", id) }

// Events is the event log of this machine.
func (d Dirs) Events() string { return filepath.Join(d.State, "events.jsonl") }

// Hub is where one hub's files are.
type Hub struct {
	// Dir holds the sockets and locks, nothing else.
	Dir string
	// Socket is where the hub listens.
	Socket string
	// Lock is held while a hub is being started.
	Lock string
	// Log is the hub's own log.
	Log string
}

// Hub gives the files of the hub with that key ("local"), which must be short, and safe in a file name.
func (d Dirs) Hub(key string) Hub {
	dir := filepath.Join(d.Runtime, "hub-"+key)
	return Hub{
		Dir:    dir,
		Socket: filepath.Join(dir, "sock"),
		Lock:   filepath.Join(dir, "start.lock"),
		Log:    filepath.Join(d.State, "hub-"+key+".log"),
	}
}
