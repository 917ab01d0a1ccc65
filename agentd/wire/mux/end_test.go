package mux_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestAConnectionThatEndsCancelsItsHandlersAndSaysWhy(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	dial := serve(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
		<-ctx.Done()
		close(ended)
		return nil, nil
	})
	c, _, err := mux.Dial(t.Context(), dial, "", mux.Options{})
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.Open(t.Context(), mux.Request{Op: "hang"})
	if err != nil {
		t.Fatal(err)
	}
	c.Close(wire.CloseNormal, "")
	<-ended
	var lost *mux.LostError
	if err := k.Result(nil); !errors.As(err, &lost) {
		t.Errorf("result after close: %v", err)
	}
	if err := c.Call(t.Context(), mux.Request{Op: "echo"}, nil); !errors.As(err, &lost) {
		t.Errorf("call after close: %v", err)
	}
}

func TestThePeersCloseCodeIsTold(t *testing.T) {
	t.Parallel()
	var server *mux.Conn
	up := make(chan *websocket.Conn, 1)
	hs := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := mux.Upgrade(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		up <- ws
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = hs.Serve(l) })
	defer serving.Wait()
	defer hs.Close()
	c, version, err := mux.Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}, "", mux.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(wire.CloseNormal, "")
	if version != wire.BuildVersion() {
		t.Errorf("peer's version %q, want %q", version, wire.BuildVersion())
	}
	server = mux.Server(<-up, testOps, mux.Options{})
	serving.Go(func() { _ = server.Serve(context.Background()) })
	server.Close(wire.CloseExited, "agent exited")
	<-c.Done()
	if code := mux.CloseCode(c.Err()); code != wire.CloseExited {
		t.Errorf("close code %d of %v", code, c.Err())
	}
}

// What is done with an exchange after its connection was lost says so, and not that somebody had cancelled it: only what was lost is asked again.
func TestWhoeverGoesOnAfterALossIsToldOfIt(t *testing.T) {
	t.Parallel()
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
			var lost *mux.LostError
			if err := do(); !errors.As(err, &lost) && !(name == "write" && errors.Is(err, io.ErrClosedPipe)) {
				t.Errorf("exchange %d: %s: %v", i, name, err)
			}
		}
	}
}

func TestWhatIsDoneThenFindsTheResultSent(t *testing.T) {
	t.Parallel()
	dial := serveHTTP(t, func(ws *websocket.Conn) {
		var c *mux.Conn
		c = mux.Server(ws, func(_ context.Context, x *mux.Exchange) (any, error) {
			x.Then(func() { _ = c.Close(wire.CloseShutdown, "") })
			return "done", nil
		}, mux.Options{})
		_ = c.Serve(t.Context())
	})
	c, _, err := mux.Dial(t.Context(), dial, "", mux.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Drop()
	var got string
	if err := c.Call(t.Context(), mux.Request{Op: "stop"}, &got); err != nil || got != "done" {
		t.Errorf("%q, %v", got, err)
	}
}
