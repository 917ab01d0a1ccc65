package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gascity/agentd/agentd"
	"github.com/gascity/agentd/agentd/pid1"
)

// The garbage collector's settings (GOGC, in percent). Both processes idle for days: memory is worth more than what collecting costs them.
const (
	initGC  = 20
	serveGC = 50
)

// initCommand is agentd's outer process: it reaps, forwards signals and keeps serve alive.
func initCommand(stderr io.Writer) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "init",
		Short: "Run as a pod's first process, or any other, and keep serve alive (the default)",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			debug.SetGCPercent(initGC)
			if err := o.complete(c); err != nil {
				return err
			}
			return o.runInit(c, stderr)
		},
	}
	o.registerInit(c.Flags())
	return c
}

// runInit opens the socket, which outlives every serve, and watches serve.
func (o *options) runInit(c *cobra.Command, stderr io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	socket, release, err := o.socket()
	if err != nil {
		return err
	}
	defer release()
	log := o.logger(stderr, "init")
	status, err := pid1.Run(c.Context(), pid1.Config{Child: append([]string{self, "serve"}, given(c.Flags())...), Listener: socket, Logger: log})
	if err != nil {
		log.Error("giving up", "error", err)
	}
	return exited(status, err)
}

// socket takes over the listening socket that was handed down, or opens one.
func (o *options) socket() (f *os.File, release func(), err error) {
	if o.inherits() {
		syscall.CloseOnExec(o.listenFD)
		f := os.NewFile(uintptr(o.listenFD), "listener")
		if _, err := f.Stat(); err != nil {
			return nil, nil, fmt.Errorf("--listen-fd %d: %w", o.listenFD, err)
		}
		return f, func() { _ = f.Close() }, nil
	}
	s, err := pid1.Listen(o.listen)
	if err != nil {
		return nil, nil, err
	}
	return s.File(), func() { _ = s.Close() }, nil
}

// given gives the flags that were set, by argument or variable, for serve's command line.
func given(f *pflag.FlagSet) []string {
	var args []string
	f.Visit(func(flag *pflag.Flag) {
		if flag.Name != "listen-fd" {
			args = append(args, "--"+flag.Name+"="+flag.Value.String())
		}
	})
	return args
}

// serveCommand is agentd's inner process, which does the work.
func serveCommand(stdout, stderr io.Writer) *cobra.Command {
	var o options
	c := &cobra.Command{
		Use:   "serve",
		Short: "Supervise the agent and serve its session (what init runs)",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			debug.SetGCPercent(serveGC)
			parent, err := pid1.Inherited() // before anything could start a process
			if err != nil {
				return err
			}
			defer parent.Close()
			if err := o.complete(c); err != nil {
				return err
			}
			log := o.logger(stderr, "serve")
			status, err := agentd.Serve(c.Context(), agentd.Config{
				Parent: parent, Listen: o.listen, Health: o.health, Audience: o.audience, PublicKeys: o.publicKeys,
				RunDir: o.runDir, StateDir: o.stateDir, TmuxDir: o.tmuxDir, TerminationLog: o.terminationLog, TerminationMeta: o.terminationMeta,
				Output: o.output, Stdout: stdout, Grace: o.grace, LaunchWithin: o.launchWithin, HomeFallback: o.homeFallback,
				ClaudeCredentials: o.claudeCredentials, GitCredentials: o.gitCredentials, Log: log,
			})
			if err != nil {
				log.Error("serve failed", "error", err)
			}
			return exited(status, err)
		},
	}
	o.register(c.Flags())
	return c
}

// complete takes in the environment and checks the whole.
func (o *options) complete(c *cobra.Command) error {
	if err := fromEnv(c.Flags()); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return fmt.Errorf("%w\nagentd: hint: %s --help lists the flags", err, c.CommandPath())
	}
	return nil
}

// exited turns a process's end into what run returns: the status. The error has been logged.
func exited(status int, err error) error {
	if err != nil && status == 0 {
		status = 1
	}
	if status != 0 {
		return statusError(status)
	}
	return nil
}
