package hub

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/tarstream"
)

// receive answers a put with how many bytes were in it, and keeps what came over the link, and what it was.
func receive(sent, meant *bytes.Buffer) func(context.Context, *mux.Exchange) (any, error) {
	return func(_ context.Context, x *mux.Exchange) (any, error) {
		var ask wire.Put
		if err := x.Decode(&ask); err != nil {
			return nil, err
		}
		in, err := tarstream.Decode(io.TeeReader(x, sent), ask.Encoding)
		if err != nil {
			return nil, err
		}
		defer in.Close()
		n, err := io.Copy(meant, in)
		return wire.PutReply{Bytes: n}, err
	}
}

func (w *world) put(r io.Reader) (wire.PutReply, error) {
	var reply wire.PutReply
	call, err := w.conn.Open(w.t.Context(), mux.Request{Op: wire.OpPut, Session: "s", Body: wire.Put{Dir: "d"}})
	if err != nil {
		return reply, err
	}
	defer call.Cancel()
	if _, err := io.Copy(call, r); err != nil {
		return reply, err
	}
	if err := call.CloseWrite(); err != nil {
		return reply, err
	}
	return reply, call.Result(&reply)
}

func TestFilesGoToAPodCompressed(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("line of text\n", 1<<16)
	for _, pod := range []string{"", "pod"} {
		var sent, meant bytes.Buffer
		s := newFake(t, "s").running(7, "screen\n")
		s.record.Pod = pod
		s.handlers[wire.OpPut] = receive(&sent, &meant)
		reply, err := newWorld(t, Options{}, s).put(strings.NewReader(text))
		if err != nil || reply.Bytes != int64(len(text)) || meant.String() != text {
			t.Errorf("pod %q: %+v, %v; %d bytes came", pod, reply, err, meant.Len())
		}
		if small := sent.Len() < len(text)/10; small != (pod != "") {
			t.Errorf("pod %q: %d bytes were sent for %d", pod, sent.Len(), len(text))
		}
	}
}

// What agentd refuses ends the transfer, though its sender has not said that it is over.
func TestACompressedTransferThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	s.record.Pod = "pod"
	s.handlers[wire.OpPut] = func(context.Context, *mux.Exchange) (any, error) {
		return nil, wire.Errorf(wire.CodeTooLarge, "that is too much")
	}
	w := newWorld(t, Options{}, s)
	call, err := w.conn.Open(t.Context(), mux.Request{Op: wire.OpPut, Session: "s", Body: wire.Put{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := call.Result(nil); wire.CodeOf(err) != wire.CodeTooLarge {
		t.Errorf("got %v", err)
	}
}

// Half a tar must not be taken for a whole one.
func TestACompressedTransferWhoseSenderGoesAwayIsNotEnded(t *testing.T) {
	t.Parallel()
	began, read := make(chan struct{}), make(chan error, 1)
	s := newFake(t, "s").running(7, "screen\n")
	s.record.Pod = "pod"
	s.handlers[wire.OpPut] = func(_ context.Context, x *mux.Exchange) (any, error) {
		close(began)
		_, err := io.Copy(io.Discard, x)
		read <- err
		return nil, err
	}
	w := newWorld(t, Options{}, s)
	call, err := w.conn.Open(t.Context(), mux.Request{Op: wire.OpPut, Session: "s", Body: wire.Put{}})
	if err != nil {
		t.Fatal(err)
	}
	<-began
	call.Cancel()
	if err := <-read; err == nil {
		t.Error("agentd was told that the files are all there")
	}
}
