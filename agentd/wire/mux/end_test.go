package mux_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestAConnectionThatEndsCancelsItsHandlersAndSaysWhy(t *testing.T) {
	overEach(t, func(t *testing.T, connect connector) {
		ended := make(chan struct{})
		c := connect(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
			<-ctx.Done()
			close(ended)
			return nil, nil
		})
		k, err := c.Open(t.Context(), mux.Request{Op: "hang"})
		if err != nil {
			t.Fatal(err)
		}
		c.Close(wire.CloseNormal, "")
		<-ended
		if err := k.Result(nil); !mux.Lost(err) {
			t.Errorf("result after close: %v", err)
		}
		if err := c.Call(t.Context(), mux.Request{Op: "echo"}, nil); !mux.Lost(err) {
			t.Errorf("call after close: %v", err)
		}
	})
}

func TestThePeersCloseCodeIsTold(t *testing.T) {
	t.Parallel()
	for name, over := range carriers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := over(t, func(transport mux.Transport) {
				server := mux.Server(transport, testOps, mux.Options{})
				server.Close(wire.CloseExited, "agent exited")
				_ = server.Serve(context.Background())
			})
			<-c.Done()
			if code := mux.CloseCode(c.Err()); code != wire.CloseExited || !strings.Contains(c.Err().Error(), "agent exited") {
				t.Errorf("close code %d of %v", code, c.Err())
			}
		})
	}
}

// What is done with an exchange after its connection was lost says so, and not that somebody had cancelled it: only what was lost is asked again.
func TestWhoeverGoesOnAfterALossIsToldOfIt(t *testing.T) {
	overEach(t, func(t *testing.T, connect connector) {
		c := connect(t, func(ctx context.Context, _ *mux.Exchange) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
		var calls []*mux.Call
		for range 50 { // each time it was chance
			k, err := c.Open(t.Context(), mux.Request{Op: "x"})
			if err != nil {
				t.Fatal(err)
			}
			calls = append(calls, k)
		}
		c.Close(wire.CloseNormal, "") // when this returns, all exchanges have ended
		for i, k := range calls {
			for name, do := range map[string]func() error{
				"write":     func() error { _, err := k.Write([]byte("x")); return err },
				"push":      func() error { return k.Push("x") },
				"end":       k.CloseWrite,
				"next push": func() error { _, err := k.NextPush(); return err },
				"read":      func() error { _, err := k.Read(make([]byte, 1)); return err },
				"result":    func() error { return k.Result(nil) },
			} {
				if err := do(); !mux.Lost(err) && !(name == "write" && errors.Is(err, io.ErrClosedPipe)) {
					t.Errorf("exchange %d: %s: %v", i, name, err)
				}
			}
		}
	})
}

func TestWhatIsDoneThenFindsTheResultSent(t *testing.T) {
	t.Parallel()
	for name, over := range carriers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := over(t, func(transport mux.Transport) {
				var server *mux.Conn
				server = mux.Server(transport, func(_ context.Context, x *mux.Exchange) (any, error) {
					x.Then(func() { _ = server.Close(wire.CloseShutdown, "") })
					return "done", nil
				}, mux.Options{})
				_ = server.Serve(t.Context())
			})
			var got string
			if err := c.Call(t.Context(), mux.Request{Op: "stop"}, &got); err != nil || got != "done" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
