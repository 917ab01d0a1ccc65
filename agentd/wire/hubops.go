package wire

import (
	"fmt"
	"path/filepath"
	"time"
)

// Start asks the hub for a session: gc's start JSON (the exec contract, section 1) and what the front knows beside it.
type Start struct {
	StartConfig
	// City labels the session with the gc workspace that owns it; empty: taken from the env's GC_CITY or GC_CITY_PATH.
	City string `json:"city,omitempty"`
	// BaseEnv is the environment of whoever asks, as os.Environ gives it. Local sessions get it under Env, as a program that the caller started
	// itself would; the hub's own environment is that of whichever call happened to start it. Sessions elsewhere don't get it; the settings of their place are in it.
	BaseEnv []string `json:"base_env,omitempty"`
	// Columns and Rows are the window's size before anyone attaches; 0 means 200×50.
	Columns int `json:"columns,omitempty"`
	Rows    int `json:"rows,omitempty"`
}

// StartConfig is the JSON that gc gives to start. Unknown fields are ignored, as gc adds some.
type StartConfig struct {
	WorkDir            string            `json:"work_dir,omitempty"`
	Command            string            `json:"command,omitempty"`
	Env                map[string]string `json:"env,omitempty"`
	ProcessNames       []string          `json:"process_names,omitempty"`
	Nudge              string            `json:"nudge,omitempty"`
	ReadyPromptPrefix  string            `json:"ready_prompt_prefix,omitempty"`
	ReadyDelayMS       int64             `json:"ready_delay_ms,omitempty"`
	PreStart           []string          `json:"pre_start,omitempty"`
	SessionSetup       []string          `json:"session_setup,omitempty"`
	SessionSetupScript string            `json:"session_setup_script,omitempty"`
	SessionLive        []string          `json:"session_live,omitempty"`
	PackOverlayDirs    []string          `json:"pack_overlay_dirs,omitempty"`
	OverlayDir         string            `json:"overlay_dir,omitempty"`
	CopyFiles          []CopyFile        `json:"copy_files,omitempty"`
}

// Resolve makes the paths on the controller absolute, against this process's folder, which is not the hub's. Its error names the path.
func (c *StartConfig) Resolve() error {
	paths := []*string{&c.WorkDir, &c.SessionSetupScript, &c.OverlayDir}
	for i := range c.PackOverlayDirs {
		paths = append(paths, &c.PackOverlayDirs[i])
	}
	for i := range c.CopyFiles {
		paths = append(paths, &c.CopyFiles[i].Src)
	}
	for _, p := range paths {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("find %q: %w", *p, err)
		}
		*p = abs
	}
	return nil
}

// CopyFile is a file or folder on the controller, and where it goes, relative to the work dir ("" is the work dir itself for a folder, and
// the source's base name for a file).
type CopyFile struct {
	Src    string `json:"src"`
	RelDst string `json:"rel_dst,omitempty"`
}

// List asks for sessions.
type List struct {
	// Prefix of the session's name; empty means all.
	Prefix string `json:"prefix,omitempty"`
	// City limits the list to one city's sessions; empty means all.
	City string `json:"city,omitempty"`
	// All lists what has ended, too.
	All bool `json:"all,omitempty"`
}

// Info describes one session in a list.
type Info struct {
	Name string `json:"name"`
	City string `json:"city,omitempty"`
	Status
	Created time.Time `json:"created"`
	WorkDir string    `json:"work_dir,omitempty"`
	Command string    `json:"command,omitempty"`
	// Version is the build of the session's agentd.
	Version string `json:"version,omitempty"`
	// PID is agentd's process (local backend).
	PID int `json:"pid,omitempty"`
	// Pod and Node are where the session runs (kube backend); Node is empty until there is one.
	Pod  string `json:"pod,omitempty"`
	Node string `json:"node,omitempty"`
	// Lost says why the session can't be reached, when its state is not known to be true.
	Lost string `json:"lost,omitempty"`
}

// ListReply answers OpList and is what OpWatchList pushes, sorted by name.
type ListReply struct {
	Sessions []Info `json:"sessions"`
}

// CheckImage asks whether an image can be used.
type CheckImage struct {
	Image string `json:"image"`
	// BaseEnv is the environment of whoever asks, as in Start: the settings of a start's pod are in it.
	BaseEnv []string `json:"base_env,omitempty"`
}

// HubStatus answers OpHubStatus.
type HubStatus struct {
	Version  string    `json:"version"`
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`
	Backend  string    `json:"backend"`
	Socket   string    `json:"socket"`
	Log      string    `json:"log,omitempty"`
	Sessions int       `json:"sessions"`
	// Requests counts those answered since the start; Memory is the resident set, in bytes.
	Requests uint64 `json:"requests"`
	Memory   int64  `json:"memory,omitempty"`
}

// HubStop asks the hub to leave. Sessions live on.
type HubStop struct {
	// Replace tells clients to reconnect: another build takes over.
	Replace bool `json:"replace,omitempty"`
}
