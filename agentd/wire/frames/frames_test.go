package frames

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipe gives two ends of a connection.
func pipe(t *testing.T) (ours, theirs net.Conn) {
	ours, theirs = net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

func TestAServerOfAnotherProtocolIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"another version": "agentd.v9 v9.9.9\n", "HTTP": "HTTP/1.1 400 Bad Request\r\n", "no lines": strings.Repeat("x", 2*maxHello),
	} {
		ours, theirs := pipe(t)
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		go func() { _, _ = io.WriteString(theirs, answer) }()
		_, _, err := Dial(t.Context(), func(context.Context) (net.Conn, error) { return ours, nil }, nil)
		if wire.CodeOf(err) != wire.CodeUnavailable || !strings.Contains(err.Error(), wire.Subprotocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whoever dials tells a server that is not there any more from one that hangs.
func TestAServerThatLeavesIsNoOneWhoHangs(t *testing.T) {
	t.Parallel()
	ours, theirs := pipe(t)
	theirs.Close()
	if _, _, err := Dial(t.Context(), func(context.Context) (net.Conn, error) { return ours, nil }, nil); !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, io.EOF) {
		t.Errorf("one that left: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		ours, _ := pipe(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := Dial(ctx, func(context.Context) (net.Conn, error) { return ours, nil }, nil)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one that hangs: %v", err)
		}
	})
}

func TestAClientOfAnotherProtocolHearsWhatIsSpokenHere(t *testing.T) {
	t.Parallel()
	ours, theirs := pipe(t)
	heard := make(chan string, 1)
	go func() {
		_, _ = io.WriteString(theirs, "agentd.v9 v9.9.9\n")
		line, _ := bufio.NewReader(theirs).ReadString('\n')
		heard <- line
	}()
	if _, err := Accept(t.Context(), ours); wire.CodeOf(err) != wire.CodeUnavailable || !strings.Contains(err.Error(), "agentd.v9") {
		t.Errorf("accepted with %v", err)
	}
	if line := <-heard; line != wire.Subprotocol+" "+wire.BuildVersion()+"\n" {
		t.Errorf("it heard %q", line)
	}
}

func TestAClientThatSaysNothingIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, _ := pipe(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := Accept(ctx, ours); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// frame is one as it is sent.
func frame(kind byte, size uint32, data string) string {
	return string(binary.BigEndian.AppendUint32([]byte{kind}, size)) + data
}

func TestWhatIsNoFrameEndsTheConnection(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent string
		want error
	}{
		"the end":               {"", io.ErrUnexpectedEOF},
		"half a header":         {"\x01\x00", io.ErrUnexpectedEOF},
		"half a message":        {frame(frameEnvelope, 5, "{}"), io.ErrUnexpectedEOF},
		"an unknown kind":       {frame(7, 2, "{}"), mux.ErrMalformed},
		"an oversize message":   {frame(frameEnvelope, wire.MaxMessage+1, "{}"), mux.ErrTooBig},
		"a goodbye of no words": {frame(frameGoodbye, 1, "x"), mux.ErrMalformed},
		"a goodbye of too many": {frame(frameGoodbye, 2+maxReason+1, "x"), mux.ErrMalformed},
		"half a goodbye":        {frame(frameGoodbye, 9, "\x0f\xa0"), io.ErrUnexpectedEOF},
	} {
		ours, theirs := pipe(t)
		go func() { _, _ = io.WriteString(theirs, c.sent); theirs.Close() }()
		_, r, err := newTransport(ours).Next()
		if err == nil {
			_, err = io.ReadAll(r)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// Who breaks the protocol hears of it.
func TestWhatIsNoFrameIsAnsweredWithAGoodbye(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sent string
		code int
	}{
		"an unknown kind":            {frame(7, 2, "{}"), wire.CloseProtocol},
		"an oversize message":        {frame(frameEnvelope, wire.MaxMessage+1, ""), wire.CloseTooBig},
		"a message that is not JSON": {frame(frameEnvelope, 2, "no"), wire.CloseProtocol},
	} {
		ours, theirs := pipe(t)
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = mux.Server(newTransport(ours), func(context.Context, *mux.Exchange) (any, error) { return nil, nil }, mux.Options{}).Serve(context.Background())
		}()
		if _, err := io.WriteString(theirs, c.sent); err != nil {
			t.Fatal(err)
		}
		_, _, err := newTransport(theirs).Next()
		if mux.CloseCode(err) != c.code {
			t.Errorf("%s: %v, want %d", name, err, c.code)
		}
		<-served
	}
}

// A peer that takes nothing keeps nobody from leaving.
func TestAGoodbyeThatCannotBeSaidIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, _ := pipe(t)
		peer := newTransport(ours)
		wrote := make(chan error, 1)
		go func() { wrote <- peer.Write(mux.Envelope, []byte("{}")) }()
		synctest.Wait()
		if err := peer.Goodbye(wire.CloseExited, "", time.Now().Add(time.Second)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("said with %v", err)
		}
		peer.Close()
		<-wrote
	})
}

func TestAGoodbyeComesAsItWasSaid(t *testing.T) {
	t.Parallel()
	ours, theirs := pipe(t)
	go func() {
		_ = newTransport(theirs).Goodbye(wire.CloseExited, strings.Repeat("x", 2*maxReason), time.Now().Add(time.Minute))
	}()
	_, _, err := newTransport(ours).Next()
	var closed *mux.CloseError
	if !errors.As(err, &closed) || closed.Code != wire.CloseExited || len(closed.Text) != maxReason {
		t.Errorf("it ended with %v", err)
	}
}

// Messages come out as they went in, however the bytes between are cut.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("{}"), []byte(""), 1)
	f.Add(bytes.Repeat([]byte("x"), 5000), []byte("\x00\x00\x00\x01data"), 7)
	f.Fuzz(func(t *testing.T, envelope, chunk []byte, cut int) {
		var sent recording
		out := newTransport(&sent)
		for _, m := range []struct {
			kind mux.Kind
			data []byte
		}{{mux.Envelope, envelope}, {mux.Chunk, chunk}} {
			if err := out.Write(m.kind, m.data); err != nil {
				t.Fatal(err)
			}
		}
		in := &transport{in: bufio.NewReaderSize(&pieces{sent.Bytes(), max(1, cut%100)}, readBuffer)}
		for _, want := range []struct {
			kind mux.Kind
			data []byte
		}{{mux.Envelope, envelope}, {mux.Chunk, chunk}} {
			kind, r, err := in.Next()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || kind != want.kind || !bytes.Equal(got, want.data) {
				t.Fatalf("of kind %d came %q, %v; want kind %d, %q", kind, got, err, want.kind, want.data)
			}
		}
	})
}

// Whatever a peer sends, it is read to its end or refused, and no message is longer than allowed.
func FuzzForeignBytes(f *testing.F) {
	f.Add([]byte(wire.Subprotocol + " v1\n" + frame(frameEnvelope, 2, "{}") + frame(frameGoodbye, 3, "\x0f\xa0x")))
	f.Add([]byte("GET /v1 HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		peer := &transport{in: bufio.NewReaderSize(bytes.NewReader(sent), readBuffer)}
		if version, err := peer.hear(); err != nil || len(version) >= maxHello {
			return
		}
		for {
			_, r, err := peer.Next()
			if err != nil {
				return
			}
			if n, err := io.Copy(io.Discard, r); n > int64(len(sent)) || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%d bytes, %v", n, err)
			}
		}
	})
}

// recording is a connection that keeps what is written.
type recording struct {
	net.Conn
	bytes.Buffer
}

func (r *recording) Read(p []byte) (int, error)  { return r.Buffer.Read(p) }
func (r *recording) Write(p []byte) (int, error) { return r.Buffer.Write(p) }

// pieces gives at most size bytes at a time.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}
