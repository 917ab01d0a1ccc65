package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/agentd/wire/tarstream"
	"github.com/gascity/agentd/client/hub/pack"
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
	for _, encoding := range []string{"", wire.EncodingZstd, wire.EncodingS2} {
		var sent, meant bytes.Buffer
		s := newFake(t, "s").running(7, "screen\n")
		s.record.Encoding = encoding
		s.handlers[wire.OpPut] = receive(&sent, &meant)
		reply, err := newWorld(t, Options{}, s).put(strings.NewReader(text))
		if err != nil || reply.Bytes != int64(len(text)) || meant.String() != text {
			t.Errorf("%q: %+v, %v; %d bytes came", encoding, reply, err, meant.Len())
		}
		if small := sent.Len() < len(text)/10; small != (encoding != "") {
			t.Errorf("%q: %d bytes were sent for %d", encoding, sent.Len(), len(text))
		}
	}
}

// What agentd refuses ends the transfer, though its sender has not said that it is over.
func TestACompressedTransferThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(7, "screen\n")
	s.record.Encoding = wire.EncodingS2
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
	s.record.Encoding = wire.EncodingS2
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

// taking answers each put of a start and tells what came: the tar, as it was meant.
func taking(came chan<- string) func(context.Context, *mux.Exchange) (any, error) {
	return func(ctx context.Context, x *mux.Exchange) (any, error) {
		var sent, meant bytes.Buffer
		reply, err := receive(&sent, &meant)(ctx, x)
		came <- meant.String()
		return reply, err
	}
}

func noisy(t *testing.T, size int) string {
	t.Helper()
	noise := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise) // never fails
	name := filepath.Join(t.TempDir(), "noise")
	if err := os.WriteFile(name, noise, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestFilesArePackedWhileTheirSessionIsMade(t *testing.T) {
	t.Parallel()
	large := noisy(t, packedAhead+2<<20) // more than is packed ahead
	text, err := os.ReadFile(large)
	if err != nil {
		t.Fatal(err)
	}
	reached := make(chan struct{})
	came := make(chan string, 2)
	w := newWorld(t, Options{})
	w.backend.files = []Files{
		{What: "workspace", Into: "/work", Encoding: wire.EncodingZstd, Fill: func(p *pack.Packer) error {
			defer close(reached)
			return p.Path(noisy(t, 1<<20), "first")
		}},
		{What: "overlay", Into: "/work", Fill: func(p *pack.Packer) error { return p.Path(large, "second") }},
	}
	w.backend.create = func(ctx context.Context, spec Spec) (*fakeSession, error) {
		select {
		case <-reached:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		s := newFake(t, spec.Name)
		s.handlers[wire.OpPut] = taking(came)
		return s, nil
	}
	if _, err := w.start(t.Context(), "s", "", wire.Start{}); err != nil {
		t.Fatal(err)
	}
	first, second := <-came, <-came
	if !strings.Contains(first, "first") || strings.Contains(first, "second") {
		t.Errorf("first came %d bytes, %.80q", len(first), first)
	}
	if !strings.Contains(second, string(text)) {
		t.Errorf("then came %d bytes, without the file", len(second))
	}
	if n := len(w.hub.packing); n != 0 {
		t.Errorf("%d starts are still taken to pack ahead", n)
	}
}

// More starts than may pack ahead pack as they send.
func TestAllStartsPackTheirFiles(t *testing.T) {
	t.Parallel()
	const starts = 2*packingAhead + 1
	var making sync.WaitGroup
	making.Add(starts)
	came := make(chan string, starts)
	name := noisy(t, 1<<20)
	w := newWorld(t, Options{})
	w.backend.files = []Files{{What: "workspace", Into: "/work", Encoding: wire.EncodingZstd, Fill: func(p *pack.Packer) error { return p.Path(name, "file") }}}
	w.backend.create = func(_ context.Context, spec Spec) (*fakeSession, error) {
		making.Done()
		making.Wait() // all have begun to pack
		s := newFake(t, spec.Name)
		s.handlers[wire.OpPut] = taking(came)
		return s, nil
	}
	var starting sync.WaitGroup
	for i := range starts {
		starting.Go(func() {
			if _, err := w.start(t.Context(), fmt.Sprint("s", i), "", wire.Start{}); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	for range starts {
		if tar := <-came; len(tar) < 1<<20 {
			t.Errorf("%d bytes came", len(tar))
		}
	}
}

func TestAStartWhoseFilesCantBePackedSaysWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	w.backend.files = []Files{{What: "overlay o", Into: "/work", Encoding: wire.EncodingZstd, Fill: func(*pack.Packer) error { return errors.New("o is no folder") }}}
	_, err := w.start(t.Context(), "s", "", wire.Start{})
	if err == nil || !strings.Contains(err.Error(), "copy overlay o: o is no folder") {
		t.Errorf("got %v", err)
	}
	if w.backend.has("s") {
		t.Error("the session is left")
	}
}
