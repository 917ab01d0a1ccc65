package front

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/events"
)

// The exit statuses of a front.
const (
	exitOK        = 0
	exitFailed    = 1
	exitUnknownOp = 2
)

// opTime bounds every operation but those that go on until someone ends them, and start. gc allows 30 s and then kills; what is left is for saying what went wrong.
const opTime = 28 * time.Second

// Config says which front this is.
type Config struct {
	// Backend names the backend ("local"). It is part of the program's name, and chooses the variable that scopes list-running.
	Backend string
	// Connect opens a connection to the backend's hub, starting the hub when none runs.
	Connect func(context.Context) (*mux.Conn, error)
	// InProcess tells that Connect reaches a hub within this process, so that GC_HUB=off is obeyed already.
	InProcess bool
	// Log opens the event log where no hub keeps it, in place of Connect; nil: the hub keeps it.
	Log func() (events.Log, error)
}

// RunSession does the operation of the contract for sessions that argv asks for (argv[0] is the program, as started) and gives the process's exit status.
// The end of ctx cancels what is under way, in the hub as well, and so do SIGTERM, SIGINT and SIGHUP; an operation that only looks, or is over at once, they just
// end, as they do most programs. For attach, and when GC_HUB=off, the process becomes gcctl, and RunSession returns only if that fails.
func RunSession(ctx context.Context, c Config, argv []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return serve(ctx, &sessions, c, argv, stdin, stdout, stderr)
}

func serve(ctx context.Context, of *contract, c Config, argv []string, stdin io.Reader, stdout, stderr io.Writer) int {
	r := &run{contract: of, config: c, argv0: of.program + c.Backend, stdin: stdin, stdout: erring(stdout), stderr: erring(stderr), getenv: os.Getenv}
	if len(argv) > 0 && argv[0] != "" {
		r.argv0, argv = argv[0], argv[1:]
	}
	return r.do(ctx, argv)
}

// run is one operation of one process.
type run struct {
	contract *contract
	config   Config
	argv0    string
	stdin    io.Reader
	stdout   io.Writer
	stderr   io.Writer
	getenv   func(string) string
	op       operation
	link     link
}

func (r *run) do(ctx context.Context, args []string) int {
	if len(args) == 0 {
		return r.fail(fmt.Errorf("no operation given: try %q", r.program()+" --help"))
	}
	switch args[0] {
	case "-h", "--help":
		return r.status(r.help())
	case "--version":
		return r.status(r.print(wire.BuildVersion() + "\n"))
	}
	op, known := r.contract.operations[args[0]]
	if !known {
		r.say("unknown operation %q: try %q", args[0], r.program()+" --help")
		return exitUnknownOp
	}
	op.name = args[0]
	r.op = op
	if err := op.check(r.program(), args[1:]); err != nil {
		return r.fail(err)
	}
	if r.getenv("GC_HUB") == "off" && !r.config.InProcess && !op.alone && r.config.Log == nil {
		return r.fail(r.becomeHubless(args))
	}
	if !op.looks && !op.atOnce || r.config.InProcess {
		// So that what became of the work can still be said. It takes Go's runtime as long as all the rest of a short operation: where
		// nothing is to be undone, the hub learns all it must from the closed socket.
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		defer stop()
	}
	if !op.unbounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, opTime)
		defer cancel()
	}
	r.link = link{connect: r.config.Connect}
	defer r.link.close()
	return r.status(op.do(ctx, r, args[1:]))
}

// program is the program's name, for messages.
func (r *run) program() string { return filepath.Base(r.argv0) }

// print writes an operation's answer. One that can't be written must not look like success.
func (r *run) print(text string) error {
	if _, err := io.WriteString(r.stdout, text); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// say writes one line to stderr. A stderr that can't be written leaves the exit status to tell.
func (r *run) say(format string, args ...any) {
	r.write(fmt.Sprintf(format, args...), nil)
}

func (r *run) write(text string, err error) {
	text = wire.OneLine(text)
	if r.op.reword != nil {
		text = r.op.reword(text, err)
	}
	_, _ = io.WriteString(r.stderr, r.program()+": "+text+"\n")
}

func (r *run) status(err error) int {
	if err == nil {
		return exitOK
	}
	return r.fail(err)
}

// fail says what went wrong and gives the status to exit with.
func (r *run) fail(err error) int {
	r.write(r.explain(err), err)
	if r.op.status == nil {
		return exitFailed
	}
	return r.op.status(err)
}
