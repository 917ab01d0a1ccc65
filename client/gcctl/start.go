package gcctl

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/target"
)

type startOptions struct {
	app  *app
	file string
	size string

	image      string
	city       string
	workDir    string
	env        []string
	processes  []string
	nudge      string
	prompt     string
	delay      time.Duration
	preStart   []string
	setup      []string
	script     string
	live       []string
	overlays   []string
	copies     []string
	fromFlags  bool // a flag that -f excludes was given
	quiet      bool
	withAttach bool
}

func newStart(a *app) *cobra.Command {
	o := &startOptions{app: a}
	cmd := &cobra.Command{
		Use:   "start NAME [flags] [-- COMMAND…]",
		Short: "Start a session",
		Long: `Start a session that runs COMMAND, or your shell without one, and wait until it
is set up.

One COMMAND argument is a line for a shell; several are a program and its
arguments. With -f the session is described by the JSON that gc gives to its
session providers, and -f - reads it from stdin.

In a session that is waited for with --ready-prompt or --ready-delay, --nudge is
typed once the agent is ready.

A session in a pod has /workspace as its work dir, which is empty unless -C names
a folder to fill it with. What pods are like is said by the variables GC_K8S_*.`,
		Example: `  gcctl start demo -- python3
  gcctl start fix-login -C ~/src/shop --nudge 'fix the login test' \
      --ready-prompt '>' -- claude --model opus
  gcctl start demo -f session.json
  gcctl -n gc start demo --image registry.example.com/agent:1 -- bash`,
		Args: o.checkArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.fromFlags = startFlagsChanged(cmd)
			return o.run(cmd, args[0], args[1:])
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "read gc's JSON description from this `FILE`, - for stdin")
	f.StringVar(&o.image, "image", "", "image of the pod (default: GC_K8S_IMAGE)")
	f.StringVarP(&o.workDir, "work-dir", "C", "", "`DIR` that the agent works in (default: this folder); a pod gets a copy of it (default: none)")
	f.StringArrayVarP(&o.env, "env", "e", nil, "set an environment variable, `KEY=VALUE`; KEY alone passes on yours")
	f.StringVar(&o.nudge, "nudge", "", "`TEXT` to type once the agent is ready")
	f.StringVar(&o.prompt, "ready-prompt", "", "the agent is ready when a line begins with this `PREFIX`")
	f.DurationVar(&o.delay, "ready-delay", 0, "the agent is ready after this `TIME`, as in 2s")
	f.StringArrayVar(&o.processes, "process", nil, "the agent is up when a process of this `NAME` runs")
	f.StringArrayVar(&o.preStart, "pre-start", nil, "shell `COMMAND` to run before the agent")
	f.StringArrayVar(&o.setup, "setup", nil, "shell `COMMAND` to run when the session is up")
	f.StringVar(&o.script, "setup-script", "", "script `FILE` to run when the session is up")
	f.StringArrayVar(&o.live, "live", nil, "shell `COMMAND` as with --setup, after those")
	f.StringArrayVar(&o.overlays, "overlay", nil, "`DIR` whose content is copied into the work dir")
	f.StringArrayVar(&o.copies, "copy", nil, "file or folder to copy into the work dir, `SRC[:DST]`")
	f.StringVar(&o.city, "city", "", "gc workspace that owns the session")
	f.StringVar(&o.size, "size", "", "the window's size before anyone attaches, `COLUMNSxROWS` (default 200x50)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "say nothing but warnings and errors")
	f.BoolVar(&o.withAttach, "attach", false, "attach once the session runs")
	f.SortFlags = false
	freeFlags(cmd, "image", "env", "nudge", "ready-prompt", "ready-delay", "process", "pre-start", "setup", "live", "city", "size")
	for _, name := range []string{"work-dir", "overlay"} {
		_ = cmd.MarkFlagDirname(name) // it fails only for a flag that isn't there
	}
	return cmd
}

// startFlagsChanged says whether a flag was given that describes the session, as -f does.
func startFlagsChanged(cmd *cobra.Command) bool {
	for _, name := range []string{"work-dir", "env", "nudge", "ready-prompt", "ready-delay", "process", "pre-start", "setup", "setup-script",
		"live", "overlay", "copy"} {
		if cmd.Flags().Changed(name) {
			return true
		}
	}
	return false
}

func (o *startOptions) checkArgs(cmd *cobra.Command, args []string) error {
	if err := sessionArgs(0, -1, "")(cmd, args); err != nil {
		return err
	}
	switch dash := cmd.ArgsLenAtDash(); {
	case dash == 0:
		return usage(cmd, "the session's name goes before --")
	case dash < 0 && len(args) > 1, dash > 1:
		return usage(cmd, "unexpected argument %q: the agent's command goes after --", args[1])
	}
	return nil
}

func (o *startOptions) run(cmd *cobra.Command, name string, command []string) error {
	config, err := o.config(cmd, command)
	if err != nil {
		return err
	}
	start := wire.Start{StartConfig: config, City: o.city, BaseEnv: os.Environ()}
	if o.image != "" {
		if o.app.target.Backend != target.Kube {
			return usage(cmd, "--image says what a pod runs, and --backend %s has none", o.app.target.Backend)
		}
		start.BaseEnv = append(start.BaseEnv, "GC_K8S_IMAGE="+o.image)
	}
	if err := notNegative(cmd, "ready-delay", o.delay < 0); err != nil {
		return err
	}
	if start.Columns, start.Rows, err = parseSize(cmd, o.size); err != nil {
		return err
	}
	if err := o.launch(cmd.Context(), name, start); err != nil {
		return err
	}
	if o.withAttach {
		return (&attachOptions{app: o.app}).run(cmd.Context(), name)
	}
	if !o.quiet {
		fmt.Fprintf(o.app.streams.Err, "session %q runs; %s attach %s shows it\n", name, o.app.command(), quoteWord(name))
	}
	return nil
}

// config describes the session, from the file or the flags.
func (o *startOptions) config(cmd *cobra.Command, command []string) (wire.StartConfig, error) {
	if o.file == "" {
		return o.configOfFlags(cmd, command)
	}
	if o.fromFlags || len(command) > 0 {
		return wire.StartConfig{}, usage(cmd, "-f describes the whole session: leave out the flags and the command that do so too")
	}
	var c wire.StartConfig
	text, err := o.app.readDescription(cmd.Context(), o.file)
	if err != nil {
		return c, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return c, fmt.Errorf("%s is empty: it should hold gc's JSON, {} at least", fileName(o.file))
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s is not gc's JSON: %w", fileName(o.file), err)
	}
	return c, c.Resolve()
}

func (o *startOptions) configOfFlags(cmd *cobra.Command, command []string) (wire.StartConfig, error) {
	c := wire.StartConfig{
		WorkDir: o.workDir, Command: shellCommand(command), ProcessNames: o.processes, Nudge: o.nudge, ReadyPromptPrefix: o.prompt,
		ReadyDelayMS: o.delay.Milliseconds(), PreStart: o.preStart, SessionSetup: o.setup, SessionSetupScript: o.script, SessionLive: o.live,
		PackOverlayDirs: o.overlays,
	}
	switch inPod := o.app.target.Backend == target.Kube; {
	case c.WorkDir == "" && !inPod:
		c.WorkDir = "."
	case c.WorkDir != "" && inPod:
		if err := checkFolder("work-dir", c.WorkDir); err != nil { // without it the pod's would just be empty
			return c, err
		}
	}
	for _, e := range o.env {
		key, value, given := strings.Cut(e, "=")
		if !given {
			if value, given = os.LookupEnv(key); !given {
				return c, usage(cmd, "--env %q: it is not set here; give it a value, as in %s=…", key, key)
			}
		}
		if key == "" {
			return c, usage(cmd, "--env %q: no name", e)
		}
		if c.Env == nil {
			c.Env = map[string]string{}
		}
		c.Env[key] = value
	}
	for _, arg := range o.copies {
		src, dst, _ := strings.Cut(arg, ":")
		if _, err := os.Stat(src); err != nil {
			return c, fmt.Errorf("--copy: %w", missingFile(src, err))
		}
		c.CopyFiles = append(c.CopyFiles, wire.CopyFile{Src: src, RelDst: dst})
	}
	for _, dir := range c.PackOverlayDirs {
		if err := checkFolder("overlay", dir); err != nil {
			return c, err
		}
	}
	if c.SessionSetupScript != "" {
		if _, err := os.Stat(c.SessionSetupScript); err != nil {
			return c, fmt.Errorf("--setup-script: %w", missingFile(c.SessionSetupScript, err))
		}
	}
	return c, c.Resolve()
}

// checkFolder refuses a flag's value that isn't a folder of this machine.
func checkFolder(flag, dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fmt.Errorf("--%s: %w", flag, missingFile(dir, err))
	case !info.IsDir():
		return fmt.Errorf("--%s: %q is not a folder", flag, dir)
	}
	return nil
}

// shellCommand makes one shell command of the arguments after "--".
func shellCommand(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = quoteWord(a)
	}
	return strings.Join(words, " ")
}

// maxSide is the most columns or rows that tmux allows.
const maxSide = 10_000

func parseSize(cmd *cobra.Command, text string) (columns, rows int, err error) {
	if text == "" {
		return 0, 0, nil
	}
	var rest string
	n, _ := fmt.Sscanf(text+" ", "%dx%d%s", &columns, &rows, &rest)
	if n != 2 || columns < 1 || rows < 1 || columns > maxSide || rows > maxSide {
		return 0, 0, usage(cmd, "--size %q: give it as COLUMNSxROWS, as in 120x40", text)
	}
	return columns, rows, nil
}

// launch asks the hub for the session, and shows how that goes.
func (o *startOptions) launch(ctx context.Context, name string, start wire.Start) error {
	progress := &progress{app: o.app, name: name, on: !o.quiet && isTerminal(o.app.streams.Err)}
	r := mux.Request{Op: wire.OpStart, Session: name, Key: rand.Text(), Body: start}
	err := o.app.hub().Do(ctx, string(wire.OpStart), true, func(ctx context.Context, c *mux.Conn) error {
		k, err := c.Open(ctx, r)
		if err != nil {
			return err
		}
		defer k.Cancel()
		for {
			raw, err := k.NextPush()
			if errors.Is(err, io.EOF) {
				return k.Result(nil)
			}
			if err != nil {
				return err
			}
			var p wire.Progress
			if err := json.Unmarshal(raw, &p); err != nil {
				return fmt.Errorf("decode progress: %w", err)
			}
			progress.show(p)
		}
	})
	progress.clear()
	if wire.CodeOf(err) == wire.CodeExists {
		return hint(err, "%[1]s attach %[2]s shows it, %[1]s stop %[2]s ends it", o.app.command(), quoteWord(name))
	}
	return o.app.explain(ctx, "", err)
}

// progress says what a start is about: warnings as lines, on a terminal also each step, in a line that vanishes.
type progress struct {
	app   *app
	name  string
	on    bool
	drawn bool
}

func (p *progress) show(step wire.Progress) {
	if step.Warning != "" {
		p.clear()
		fmt.Fprintf(p.app.streams.Err, "warning: %s\n", wire.OneLine(step.Warning))
	}
	if step.Step != "" && p.on {
		p.clear()
		fmt.Fprintf(p.app.streams.Err, "%s: %s …", wire.OneLine(p.name), clip(wire.OneLine(step.Step), 60))
		p.drawn = true
	}
}

func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.app.streams.Err, "\r\x1b[K")
		p.drawn = false
	}
}

// readDescription reads the file called name, stdin for "-", of which no more is taken than a message could hold.
func (a *app) readDescription(ctx context.Context, name string) ([]byte, error) {
	if name == "-" {
		text, err := a.readStdin(ctx, "the session's description", wire.MaxMessage)
		if err == nil && len(text) > wire.MaxMessage {
			err = fmt.Errorf("the session's description on stdin is over the limit of %d bytes", wire.MaxMessage)
		}
		return text, err
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %q", name)
	}
	return text, err
}

func fileName(name string) string {
	if name == "-" {
		return "stdin"
	}
	return fmt.Sprintf("%q", name)
}
