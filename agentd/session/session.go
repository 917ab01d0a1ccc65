// Package session supervises one agent in one tmux session: its launch, its life and its end, and everything that is done with it meanwhile.
//
// Run owns the session. It adopts an agent that an earlier process left behind, or waits for a Launch; then it watches the agent until that
// ends, and returns how. The other methods may be called from any goroutine at any time, and answer with wire's error codes.
//
// What must outlive this process lives in tmux: user options (@agentd_…) of the session hold the launch's key and time, and the session's
// environment holds the metadata. Nothing secret is written to disk but the mirror of the metadata and the nudges that wait, with mode 0600.
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gascity/agentd/agentd/credentials"
	"github.com/gascity/agentd/agentd/tmux"
	"github.com/gascity/agentd/agentd/transcript"
	"github.com/gascity/agentd/agentd/wire"
)

// Config says where a session lives.
type Config struct {
	// RunDir holds private files that a restart of this process must not lose (the nudges that wait). It exists and is 0700.
	RunDir string
	// StateDir is where meta.json and exit.json are kept; empty means nowhere.
	StateDir string
	// TmuxDir is the TMUX_TMPDIR whose default socket is the session's; empty means tmux's own default.
	TmuxDir string
	// Credentials are the agent's; nil means none.
	Credentials *credentials.Source
	// Home is the agent's HOME, where the launch doesn't bring one; empty means this process's.
	Home string
	// TerminationLog is the file that gets the last lines of the screen; empty means none. TerminationMeta: the last metadata, too.
	TerminationLog  string
	TerminationMeta bool
	// Grace is how long a Stop that doesn't say lets the agent take.
	Grace time.Duration
	// Log is for what an operator wants to know; nil means nowhere.
	Log *slog.Logger
	// Output gets the transcript, whole lines at a time; nil means nowhere.
	Output io.Writer
	// Logged is the end of the transcript that an earlier process wrote, oldest line first, in case its agent is adopted.
	Logged []string
}

// Session is one session's supervisor.
type Session struct {
	cfg   Config
	log   *slog.Logger
	board board
	lines *transcript.Log
	words lastWords

	adopted chan struct{} // closed when Run has looked for an agent to adopt
	over    chan struct{} // closed when Run returns

	starts chan *agent   // from Launch to Run: an agent whose tmux runs
	failed chan error    // from Launch to Run: there won't be one
	pulse  chan struct{} // taken by whatever loop runs, to show that it turns
	counts counts
	// followers are those who want to hear of changes of the metadata, and followed tells the screen's watcher of the first.
	followers atomic.Int32
	followed  chan struct{}

	mu       sync.Mutex
	workDir  string
	launch   *launching // the launch that was asked for, whatever became of it
	agent    *agent     // nil before it runs
	ended    bool       // the agent has ended, or never will be
	deadline time.Time  // when a stop turns to force; zero when none was asked for
	stopping chan struct{}
	mirrored map[string]string // the metadata as last written; replaced, never changed
	metas    uint64            // counts the changes of mirrored
}

// New makes a session. Nothing happens before Run.
func New(cfg Config) *Session {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Session{
		cfg: cfg, log: cfg.Log, lines: transcript.NewLog(),
		adopted: make(chan struct{}), over: make(chan struct{}), stopping: make(chan struct{}, 1),
		starts: make(chan *agent), failed: make(chan error), pulse: make(chan struct{}), followed: make(chan struct{}, 1),
	}
	s.board.status.State = wire.StateWaiting
	// Versions never fall, also not from one process to the next that adopts the same screen.
	s.board.screen.Store(uint64(time.Now().UnixNano()))
	return s
}

// Run looks after the session until it has ended, and returns how. The end of ctx makes it leave: the agent lives on in its tmux, for another
// process to adopt, and Run returns ctx's error.
func (s *Session) Run(ctx context.Context) (wire.Exit, error) {
	defer s.close()
	a, err := s.adopt(ctx)
	if a != nil {
		s.counts.adopted.Store(true)
		s.present(a)
	}
	close(s.adopted)
	if err != nil {
		return wire.Exit{}, err
	}
	if a == nil {
		var exit *wire.Exit
		if a, exit, err = s.await(ctx); err != nil {
			return wire.Exit{}, err
		}
		if exit != nil {
			return s.finishWithout(*exit), nil
		}
		s.present(a)
	}
	return s.supervise(ctx, a)
}

// close fails everything that waits for something to come.
func (s *Session) close() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	close(s.over)
	s.lines.Close()
}

// await waits for a launch, or for what makes one impossible.
func (s *Session) await(ctx context.Context) (*agent, *wire.Exit, error) {
	for {
		select {
		case a := <-s.starts:
			return a, nil, nil
		case <-s.pulse:
		case err := <-s.failed:
			return nil, &wire.Exit{Status: 1, Reason: err.Error(), Time: time.Now()}, nil
		case <-s.stopping:
			if l := s.cancelLaunch(); l != nil {
				continue // it reports its own end, on one of the channels above
			}
			return nil, &wire.Exit{Status: stoppedStatus, Reason: "stopped", Time: time.Now()}, nil
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("leave the session: %w", context.Cause(ctx))
		}
	}
}

// stoppedStatus is what a session exits with that is stopped before it runs an agent: as if by SIGTERM.
const stoppedStatus = 128 + 15

// Stage notes that files arrive for a coming launch in workDir. Where no agent can ever run it says so, before much is sent for nothing.
func (s *Session) Stage(workDir string) error {
	if err := tmux.Missing(); err != nil {
		return wire.Errorf(wire.CodeFailed, "%v", err)
	}
	s.mu.Lock()
	s.workDir = workDir
	s.mu.Unlock()
	var wrong error
	s.board.update(func(st *wire.Status) {
		switch st.State {
		case wire.StateWaiting, wire.StateStaging:
			st.State = wire.StateStaging
		case wire.StateRunning:
			wrong = wire.Errorf(wire.CodeState, "the agent runs already")
		default:
			wrong = errNoSession
		}
	})
	return wrong
}

// WorkDir is where the agent works; empty until it is known.
func (s *Session) WorkDir() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workDir
}

// errNoSession is the answer to what needs a live agent.
var errNoSession = wire.Errorf(wire.CodeNoSession, "the session has no agent running")

// live gives the agent that runs.
func (s *Session) live() (*agent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agent == nil || s.ended {
		return nil, errNoSession
	}
	return s.agent, nil
}

// Output writes the last lines of the transcript to w and, if asked to, follows it until the session ends or ctx does.
func (s *Session) Output(ctx context.Context, o wire.Output, w io.Writer) error {
	return s.lines.Stream(ctx, w, o.Tail, o.Follow)
}

// transcript gives the recorder of the agent's output.
func (s *Session) transcript() *transcript.Recorder {
	var w io.Writer = s.lines
	if s.cfg.Output != nil {
		w = both{s.lines, s.cfg.Output}
	}
	return transcript.New(w)
}

// both writes to two writers: trouble with the second doesn't keep anything from the first.
type both struct{ first, second io.Writer }

func (b both) Write(p []byte) (int, error) {
	_, err1 := b.first.Write(p)
	_, err2 := b.second.Write(p)
	return len(p), errors.Join(err1, err2)
}
