package mux_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testOps is a handler with one operation for each thing an exchange can do.
func testOps(ctx context.Context, x *mux.Exchange) (any, error) {
	switch x.Op {
	case "echo":
		return x.Body, nil
	case "fail":
		return nil, fmt.Errorf("opening the door: %w", wire.Errorf(wire.CodeState, "it is locked"))
	case "cat":
		_, err := io.Copy(x, x)
		return nil, err
	case "count":
		n, err := io.Copy(io.Discard, x)
		return n, err
	case "flood":
		for {
			if _, err := x.Write(make([]byte, 64<<10)); err != nil {
				return nil, err
			}
		}
	case "hang":
		<-ctx.Done()
		return nil, ctx.Err()
	case "pushes":
		for i := range 5 {
			if err := x.Push(i); err != nil {
				return nil, err
			}
		}
		return "done", nil
	case "hear":
		body, err := x.NextPush(ctx)
		return body, err
	}
	return nil, wire.Errorf(wire.CodeUnknownOp, "unknown operation %q", x.Op)
}

func TestCallGivesTheResultOrThePeersError(t *testing.T) {
	overEach(t, func(t *testing.T, connect connector) {
		c := connect(t, testOps)
		var got map[string]int
		if err := c.Call(t.Context(), mux.Request{Op: "echo", Body: map[string]int{"a": 1}}, &got); err != nil || got["a"] != 1 {
			t.Fatalf("echo: %v, %v", got, err)
		}
		for op, want := range map[wire.Op]wire.Code{"fail": wire.CodeState, "nonsense": wire.CodeUnknownOp} {
			err := c.Call(t.Context(), mux.Request{Op: op}, nil)
			if wire.CodeOf(err) != want {
				t.Errorf("%s: code %q of %v, want %q", op, wire.CodeOf(err), err, want)
			}
		}
		if err := c.Call(t.Context(), mux.Request{Op: "fail"}, nil); !strings.Contains(err.Error(), "opening the door: it is locked") {
			t.Errorf("the error lost what was being done: %v", err)
		}
	})
}

func TestStreamsCarryMoreThanTheirCreditBothWays(t *testing.T) {
	overEach(t, func(t *testing.T, connect connector) {
		c := connect(t, testOps)
		for _, window := range []int64{0, 1, 1000, 1 << 20} {
			size := 3 * wire.InitialCredit
			if window == 1 {
				size = 2000 // a message a byte
			}
			want := bytes.Repeat([]byte("0123456789abcde\n"), size/16)
			k, err := c.Open(t.Context(), mux.Request{Op: "cat", Window: window})
			if err != nil {
				t.Fatal(err)
			}
			var writing sync.WaitGroup
			writing.Go(func() {
				if _, err := k.Write(want); err != nil {
					t.Errorf("write: %v", err)
				}
				if err := k.CloseWrite(); err != nil {
					t.Errorf("close write: %v", err)
				}
			})
			got, err := io.ReadAll(k)
			writing.Wait()
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("window %d: %d bytes of %d, %v", window, len(got), len(want), err)
			}
			if err := k.Result(nil); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAStreamNobodyReadsHoldsBackNoOther(t *testing.T) {
	overEach(t, func(t *testing.T, connect connector) {
		c := connect(t, testOps)
		flood, err := c.Open(t.Context(), mux.Request{Op: "flood"})
		if err != nil {
			t.Fatal(err)
		}
		defer flood.Cancel()
		if _, err := flood.Read(make([]byte, 1)); err != nil { // it has begun
			t.Fatal(err)
		}
		for i := range 100 {
			var got int
			if err := c.Call(t.Context(), mux.Request{Op: "echo", Body: i}, &got); err != nil || got != i {
				t.Fatalf("echo beside a flood: %d, %v", got, err)
			}
		}
	})
}

func TestCancelReachesTheHandler(t *testing.T) {
	overEach(t, func(t *testing.T, connect connector) {
		started, ended := make(chan struct{}), make(chan struct{})
		c := connect(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
			close(started)
			<-ctx.Done()
			close(ended)
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-started; cancel() }()
		if err := c.Call(ctx, mux.Request{Op: "hang"}, nil); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
		<-ended
	})
}

func TestPushesComeInOrderBeforeTheResult(t *testing.T) {
	overEach(t, func(t *testing.T, connect connector) {
		c := connect(t, testOps)
		k, err := c.Open(t.Context(), mux.Request{Op: "pushes"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			body, err := k.NextPush()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(body))
		}
		if s := strings.Join(got, ""); s != "01234" {
			t.Errorf("pushes %q", s)
		}
		if err := k.Result(nil); err != nil {
			t.Error(err)
		}
	})
}

func TestProxyPassesEverythingOn(t *testing.T) {
	overEach(t, func(t *testing.T, connect connector) {
		behind := connect(t, testOps)
		c := connect(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
			return mux.Proxy(ctx, x, behind)
		})
		var got string
		if err := c.Call(t.Context(), mux.Request{Op: "echo", Body: "hello"}, &got); err != nil || got != "hello" {
			t.Errorf("echo: %q, %v", got, err)
		}
		if err := c.Call(t.Context(), mux.Request{Op: "fail"}, nil); wire.CodeOf(err) != wire.CodeState {
			t.Errorf("fail: %v", err)
		}
		for _, size := range []int{5, 1 << 20} {
			var n int
			if err := c.Call(t.Context(), mux.Request{Op: "count", Input: make([]byte, size)}, &n); err != nil || n != size {
				t.Errorf("count: %d, %v", n, err)
			}
		}
		k, err := c.Open(t.Context(), mux.Request{Op: "hear"})
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Push("knock"); err != nil {
			t.Fatal(err)
		}
		if err := k.Result(&got); err != nil || got != "knock" {
			t.Errorf("hear: %q, %v", got, err)
		}
		pushes, err := c.Open(t.Context(), mux.Request{Op: "pushes"})
		if err != nil {
			t.Fatal(err)
		}
		var last json.RawMessage
		for body, err := pushes.NextPush(); err == nil; body, err = pushes.NextPush() {
			last = body
		}
		if string(last) != "4" {
			t.Errorf("last push %q", last)
		}
		if err := pushes.Result(&got); err != nil || got != "done" {
			t.Errorf("pushes: %q, %v", got, err)
		}
	})
}

func TestCancelCrossesAProxy(t *testing.T) {
	overEach(t, func(t *testing.T, connect connector) {
		started, ended := make(chan struct{}), make(chan struct{})
		behind := connect(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
			close(started)
			<-ctx.Done()
			close(ended)
			return nil, ctx.Err()
		})
		c := connect(t, func(ctx context.Context, x *mux.Exchange) (any, error) {
			return mux.Proxy(ctx, x, behind)
		})
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-started; cancel() }()
		if err := c.Call(ctx, mux.Request{Op: "hang"}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		<-ended
	})
}
