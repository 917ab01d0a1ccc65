package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/frames"
	"github.com/gascity/agentd/agentd/wire/mux"
	"github.com/gascity/agentd/client/lockfile"
	"github.com/gascity/agentd/client/paths"
)

// served is a hub on a socket.
type served struct {
	socket string
	hub    *Hub
	done   chan struct{}
}

func serve(t *testing.T, o Options, sessions ...*fakeSession) *served {
	t.Helper()
	dir, err := os.MkdirTemp("", "hub") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	b := newBackend(t)
	for _, s := range sessions {
		b.add(s)
	}
	o.Token = func(string) (string, error) { return "token", nil }
	s := &served{socket: filepath.Join(dir, "s"), hub: New(b, o), done: make(chan struct{})}
	l, err := net.Listen("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.done)
		if err := s.hub.Serve(context.Background(), l); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		s.hub.leave(wire.CloseShutdown)
		<-s.done
		s.hub.Close()
		os.RemoveAll(dir)
	})
	return s
}

func (s *served) dial(t *testing.T) *mux.Conn {
	t.Helper()
	conn, _, err := frames.Dial(t.Context(), func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", s.socket)
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(wire.CloseNormal, "") })
	return conn
}

func TestAHubThatLeavesFinishesItsCallsAndTellsWhy(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]int{"told to stop": wire.CloseShutdown, "replaced": wire.CloseReplaced} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFake(t, "s").running(1, "")
			reached, release := make(chan struct{}), make(chan struct{})
			s.handlers[wire.OpProcessAlive] = func(context.Context, *mux.Exchange) (any, error) {
				close(reached)
				<-release
				return wire.ProcessAliveReply{Alive: true}, nil
			}
			h := serve(t, Options{}, s)
			busy, watching, resting := h.dial(t), h.dial(t), h.dial(t)
			watch, err := watching.Open(t.Context(), mux.Request{Op: wire.OpWatch, Session: "s"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := watch.NextPush(); err != nil {
				t.Fatal(err)
			}
			answer := make(chan error, 1)
			go func() {
				answer <- busy.Call(t.Context(), mux.Request{Op: wire.OpProcessAlive, Session: "s", Body: wire.ProcessAlive{}}, nil)
			}()
			<-reached
			err = h.dial(t).Call(t.Context(), mux.Request{Op: wire.OpHubStop, Body: wire.HubStop{Replace: code == wire.CloseReplaced}}, nil)
			if err != nil {
				t.Errorf("hub-stop: %v", err)
			}
			// Now it no longer listens, and those who wait for nothing that ends are sent away.
			if c, err := net.Dial("unix", h.socket); err == nil {
				c.Close()
				t.Error("it still listens")
			}
			<-watching.Done()
			<-resting.Done()
			for _, c := range []*mux.Conn{watching, resting} {
				if got := mux.CloseCode(c.Err()); got != code {
					t.Errorf("closed with %d, want %d", got, code)
				}
			}
			close(release)
			if err := <-answer; err != nil {
				t.Errorf("the call under way: %v", err)
			}
			<-h.done
		})
	}
}

func TestAHubLeavesOnceItIsIdleAndNotBefore(t *testing.T) {
	t.Parallel()
	s := newFake(t, "s").running(1, "")
	h := serve(t, Options{Idle: 100 * time.Millisecond}, s)
	conn := h.dial(t)
	if err := conn.Call(t.Context(), mux.Request{Op: wire.OpState, Session: "s"}, nil); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close(wire.CloseNormal, "")
	// A live session keeps it, however long: the next front would only have to start it again.
	stays := time.NewTimer(300 * time.Millisecond)
	select {
	case <-h.done:
		t.Fatal("it left a live session")
	case <-stays.C:
	}
	s.end(0)
	select {
	case <-h.done:
	case <-time.After(testPatience):
		t.Fatal("it stays without clients and sessions")
	}
}

func TestConnectionsThatGreetOtherwiseAreNoTrouble(t *testing.T) {
	t.Parallel()
	h := serve(t, Options{}, newFake(t, "s").running(1, ""))
	for _, said := range []string{"", "GET / HTTP/1.1\r\n\r\n", "\x00\x01\x02", strings.Repeat("x", 1<<16)} {
		c, err := net.Dial("unix", h.socket)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write([]byte(said))
		c.Close()
	}
	if err := h.dial(t).Call(t.Context(), mux.Request{Op: wire.OpState, Session: "s"}, nil); err != nil {
		t.Error(err)
	}
}

func TestAClientThatHasNotGreetedKeepsNoHub(t *testing.T) {
	t.Parallel()
	h := serve(t, Options{})
	silent, err := net.Dial("unix", h.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	h.dial(t) // the one before has been accepted
	began := time.Now()
	h.hub.leave(wire.CloseShutdown)
	<-h.done
	if took := time.Since(began); took >= greetTime {
		t.Errorf("it stayed for %s", took)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("it was answered")
	}
}

// fullListener can't open the first connections.
type fullListener struct {
	net.Listener
	fails int
}

func (l *fullListener) Accept() (net.Conn, error) {
	if l.fails--; l.fails >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestAHubThatMayOpenNoMoreFilesWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := New(newBackend(t), Options{})
		l := &pipeListener{accepted: make(chan net.Conn), closed: make(chan struct{})}
		served := make(chan error, 1)
		go func() { served <- h.Serve(t.Context(), &fullListener{l, 3}) }()
		conn, _, err := frames.Dial(t.Context(), l.dial, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Call(t.Context(), mux.Request{Op: wire.OpHubStop}, nil); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		_ = conn.Close(wire.CloseNormal, "")
		h.Close()
	})
}

func TestNobodyConnectsToAHubThatHasLeft(t *testing.T) {
	t.Parallel()
	h := New(newBackend(t), Options{})
	h.Close()
	if _, err := h.Connect(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func TestOnlyTheUsersOwnProcessesAreServed(t *testing.T) {
	t.Parallel()
	if err := allowed(1000, 1000); err != nil {
		t.Error(err)
	}
	for _, peer := range []int{0, 1001, -1} {
		if err := allowed(peer, 1000); err == nil || !strings.Contains(err.Error(), fmt.Sprint(peer)) {
			t.Errorf("uid %d: %v", peer, err)
		}
	}
	dir, err := os.MkdirTemp("/tmp", "hub") // a short path: sockets allow no other
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var dialled sync.WaitGroup
	dialled.Go(func() {
		if c, err := net.Dial("unix", l.Addr().String()); err == nil {
			c.Close()
		}
	})
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := checkPeer(c); err != nil {
		t.Errorf("our own process: %v", err)
	}
	dialled.Wait()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if err := checkPeer(a); err == nil {
		t.Error("what is no unix socket has no peer to check")
	}
}

func TestTheHubsProcessHoldsItsPlace(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "hub")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	files := paths.Dirs{State: dir, Runtime: dir}.Hub("x")
	p := Process{Backend: newBackend(t), Token: func(string) (string, error) { return "", nil }, Files: files}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, p) }()
	poll(t, "it to listen", func() bool {
		c, err := net.Dial("unix", files.Socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	if err := Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), "a hub is running") {
		t.Errorf("a second one: %v", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the first: %v", err)
	}
	lock, err := lockfile.Try(files.Lock)
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), p); err == nil || !strings.Contains(err.Error(), "being started") {
		t.Errorf("while another is being started: %v", err)
	}
	lock.Release()
	if log, err := os.ReadFile(files.Log); err != nil || !bytes.Contains(log, []byte("a hub is running")) {
		t.Errorf("the log tells of no failure: %s, %v", log, err)
	}
}

func TestTheLogStaysSmallAndKeepsWholeLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	l, err := openLog(path, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range 500 {
		if _, err := fmt.Fprintf(l, "line %d of many\n", i); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 1000 {
			t.Fatalf("%d bytes after line %d", len(b), i)
		}
		if !bytes.HasSuffix(b, fmt.Appendf(nil, "line %d of many\n", i)) || !bytes.HasPrefix(b, []byte("line ")) {
			t.Fatalf("after line %d the log is %q", i, b)
		}
	}
	// Lines over the limit, and what others write to the same file.
	if _, err := l.Write(bytes.Repeat([]byte("x"), 5000)); err != nil {
		t.Error(err)
	}
	if _, err := l.Write([]byte("last\n")); err != nil {
		t.Error(err)
	}
	if _, err := openLog(filepath.Join(path, "below a file"), 10); err == nil {
		t.Error("a log below a file was opened")
	}
}

func TestANameIsWorkedOnByOneAtATime(t *testing.T) {
	t.Parallel()
	l := nameLocks{held: map[string]*nameLock{}}
	inside := [2]int{}
	var working sync.WaitGroup
	for i := range 100 {
		working.Go(func() {
			unlock, err := l.lock(t.Context(), []string{"a", "b"}[i%2])
			if err != nil {
				t.Error(err)
				return
			}
			inside[i%2]++ // the race detector sees two at once
			unlock()
		})
	}
	working.Wait()
	if inside != [2]int{50, 50} {
		t.Errorf("worked on %v", inside)
	}
	unlock, err := l.lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := l.lock(ctx, "a"); !errors.Is(err, gone) {
		t.Errorf("a caller that has gone waits: %v", err)
	}
	unlock()
	if len(l.held) != 0 {
		t.Errorf("%d names are kept", len(l.held))
	}
}
