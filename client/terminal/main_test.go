package terminal

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/frames"
	"github.com/gascity/agentd/agentd/wire/mux"
)

// roleVariable makes this test binary a program that attaches, in one of the roles below.
const roleVariable = "TERMINAL_TEST_ROLE"

// The roles: what becomes of the program when a key is typed.
const (
	rolePanics    = "panics"     // while it gets the lost connection back
	roleAgentEnds = "agent ends" // with status 7
	roleReturns   = "returns"    // the connection is lost, and comes back
)

// allModes is what the session writes: everything that a program turns on in a terminal.
const allModes = "\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[?1006h\x1b[?1004h\x1b[?2004h\x1b[?1h\x1b=\x1b[2;4r\x1b[4 q"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		debug.SetTraceback("crash") // as the real program does first
		os.Exit(attachAs(role))
	}
	goleak.VerifyTestMain(m)
}

// attachAs is the program, guarded as the real one is.
func attachAs(role string) int {
	parent, guarded := Guarded()
	if !guarded {
		status, err := Guard(os.Args, os.Stdin, os.Stdout, os.Stderr)
		var crash *CrashError
		if errors.As(err, &crash) {
			fmt.Fprintln(os.Stderr, err)
			return crash.Status
		}
		return status
	}
	connect := func(ctx context.Context) (*mux.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			if transport, err := frames.Accept(context.Background(), theirs); err == nil {
				_ = mux.Server(transport, func(_ context.Context, x *mux.Exchange) (any, error) { return session(role, x) }, mux.Options{}).Serve(context.Background())
			}
		}()
		conn, _, err := frames.Dial(ctx, func(context.Context) (net.Conn, error) { return ours, nil }, nil)
		return conn, err
	}
	connections := 0
	end, err := Attach(context.Background(), Options{
		Session: "s", In: os.Stdin, Out: os.Stdout, Term: "xterm", Parent: parent, Patience: 10 * time.Second,
		Connect: func(ctx context.Context) (*mux.Conn, error) {
			if connections++; connections == 2 && role == rolePanics {
				panic("while it reconnects")
			}
			return connect(ctx)
		},
	})
	fmt.Fprintf(os.Stderr, "end %+v, error %v, connections %d\n", end, err, connections)
	if end.Exit != nil {
		return end.Exit.Status
	}
	return 0
}

// session is one turn of the session that is attached: it draws, takes a line, and ends as the role has it.
func session(role string, x *mux.Exchange) (any, error) {
	if _, err := fmt.Fprint(x, allModes+"drawn"); err != nil {
		return nil, err
	}
	var line []byte
	for b := make([]byte, 1); len(line) == 0 || line[len(line)-1] != '\r'; line = append(line, b[0]) {
		if _, err := x.Read(b); err != nil {
			return nil, err
		}
	}
	if role == roleAgentEnds || string(line) == "end\r" {
		return wire.AttachReply{Exit: &wire.Exit{Status: 7}}, nil
	}
	return nil, wire.Errorf(wire.CodeUnavailable, "agentd starts again")
}
