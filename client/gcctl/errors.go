package gcctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/client/terminal"
)

// hinted is an error with something to try.
type hinted struct {
	err  error
	hint string
}

func (e *hinted) Error() string { return e.err.Error() }
func (e *hinted) Unwrap() error { return e.err }

// hint adds something to try to err.
func hint(err error, format string, args ...any) error {
	return &hinted{err, fmt.Sprintf(format, args...)}
}

// statusError ends the program with a status of its own. What there is to say about it has been said.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usage is a command line that can't be right.
func usage(cmd *cobra.Command, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if _, name, sub := strings.Cut(cmd.CommandPath(), cmd.Root().DisplayName()+" "); sub {
		err = fmt.Errorf("%s: %w", name, err)
	}
	if !cmd.HasParent() {
		return hint(err, "%s --help tells more", cmd.CommandPath())
	}
	return hint(err, "%s; %s --help tells more", useLine(cmd), cmd.CommandPath())
}

// useLine is how the command is called.
func useLine(cmd *cobra.Command) string {
	line := cmd.CommandPath()
	if _, args, ok := strings.Cut(cmd.Use, " "); ok {
		line += " " + args
	}
	return line
}

// Report says what went wrong with what args asked for, and gives the status to exit with: 0 for no error, never 2, which gc takes for success.
func Report(stderr io.Writer, args []string, err error) int {
	return report(stderr, programOf(args), err)
}

func report(stderr io.Writer, program string, err error) int {
	if err == nil {
		return 0
	}
	var status statusError
	if errors.As(err, &status) {
		return int(status)
	}
	if errors.Is(err, errInterrupted) {
		return 130 // as a shell has it: 128 + SIGINT
	}
	// A stderr that can't be written to leaves the status to tell.
	fmt.Fprintf(stderr, "%s: %s\n", program, wire.OneLine(err.Error()))
	var h *hinted
	if errors.As(err, &h) {
		fmt.Fprintf(stderr, "hint: %s\n", wire.OneLine(h.hint))
	}
	var crash *terminal.CrashError
	if errors.As(err, &crash) {
		return crash.Status
	}
	return 1
}

// errInterrupted: the person pressed Ctrl-C, and knows.
var errInterrupted = errors.New("interrupted")

// explain makes an error of the hub one for people: session is what it was about, "" for none.
func (a *app) explain(ctx context.Context, session string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errInterrupted
	case wire.CodeOf(err) == wire.CodeNoSession && session != "":
		return a.missing(ctx, session, err)
	}
	return err
}
