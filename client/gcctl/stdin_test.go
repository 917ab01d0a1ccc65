package gcctl

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/gascity/agentd/agentd/wire"
)

// command runs gcctl with that on its stdin.
func command(ctx context.Context, stdin io.Reader, args ...string) error {
	root := newRoot(&app{streams: Streams{In: stdin, Out: io.Discard, Err: io.Discard}, getenv: func(string) string { return "" }})
	root.SetArgs(args)
	return root.ExecuteContext(ctx)
}

func TestCtrlCEndsTheReadingOfStdin(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"nudge", "x"}, {"events", "record", "-"}, {"events", "record", "--type", "t", "--payload", "-"}, {"meta", "set", "x", "k", "-"},
		{"start", "x", "-f", "-"}, {"cp", "-", "x:f"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				stdin, typed := io.Pipe()
				defer typed.CloseWithError(io.ErrUnexpectedEOF)
				ctx, interrupt := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- command(ctx, stdin, args...) }()
				synctest.Wait() // it reads
				interrupt()
				synctest.Wait()
				select {
				case err := <-ended:
					if status := report(io.Discard, "gcctl", err); status != 130 {
						t.Errorf("status %d: %v", status, err)
					}
				default:
					t.Error("it reads on")
				}
			})
		})
	}
}

func TestADescriptionOnStdinHasALimit(t *testing.T) {
	t.Parallel()
	err := command(t.Context(), strings.NewReader(strings.Repeat(" ", wire.MaxMessage+1)), "start", "x", "-f", "-")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(wire.MaxMessage)) {
		t.Errorf("got %v, want the limit", err)
	}
}
