package mux_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/ws"
)

func TestAnInputIsAllThatIsStreamed(t *testing.T) {
	overEach(t, func(t *testing.T, connect connector) {
		c := connect(t, testOps)
		for _, size := range []int{0, 1, wire.MaxInput, wire.MaxInput + 1, 3 * wire.InitialCredit} {
			var n int
			if err := c.Call(t.Context(), mux.Request{Op: "count", Input: make([]byte, size)}, &n); err != nil || n != size {
				t.Errorf("of %d bytes %d came, %v", size, n, err)
			}
		}
		// Not all of it is taken: the result says why.
		if err := c.Call(t.Context(), mux.Request{Op: "fail", Input: make([]byte, 3*wire.InitialCredit)}, nil); wire.CodeOf(err) != wire.CodeState {
			t.Errorf("an input that is refused: %v", err)
		}
		k, err := c.Open(t.Context(), mux.Request{Op: "hang", Input: []byte("x")})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Cancel()
		if _, err := k.Write([]byte("y")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("more after the input: %v", err)
		}
	})
}

func TestAShortInputTakesNoMessageOfItsOwn(t *testing.T) {
	t.Parallel()
	requests := make(chan *wire.Envelope, 1)
	dial := serveHTTP(t, func(peer mux.Transport) {
		_, r, err := peer.Next()
		if err != nil {
			return
		}
		message, err := io.ReadAll(r)
		if err != nil {
			return
		}
		request, err := wire.DecodeEnvelope(message)
		if err != nil {
			return
		}
		requests <- request
		_ = peer.Write(mux.Envelope, fmt.Appendf(nil, `{"t":"res","id":%d}`, request.ID))
		_, _, _ = peer.Next()
	})
	c, _, err := ws.Dial(t.Context(), dial, "", mux.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Drop()
	input := bytes.Repeat([]byte("x"), wire.MaxInput)
	if err := c.Call(t.Context(), mux.Request{Op: "count", Input: input}, nil); err != nil {
		t.Fatal(err)
	}
	if got := <-requests; !bytes.Equal(got.Input, input) {
		t.Errorf("the request brought %d bytes", len(got.Input))
	}
}
