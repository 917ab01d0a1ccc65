package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// sink notes what it was given, and when.
type sink struct {
	began  time.Time
	taken  []byte
	at     []time.Duration
	closed time.Duration
}

func (s *sink) Write(p []byte) (int, error) {
	s.taken = append(s.taken, p...)
	s.at = append(s.at, time.Since(s.began))
	return len(p), nil
}

func (s *sink) CloseWrite() error {
	s.closed = time.Since(s.began)
	return nil
}

func TestALineDelaysEachPieceAlikeAndKeepsTheirOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const way = 25 * time.Millisecond
		out := &sink{began: time.Now()}
		source, in := io.Pipe()
		var carrying sync.WaitGroup
		carrying.Go(func() { carry(out, source, way) })
		var want []byte
		var sent []time.Duration
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 300 {
			chunk := make([]byte, 1+random.IntN(1000))
			for j := range chunk {
				chunk[j] = byte(random.Uint32())
			}
			want, sent = append(want, chunk...), append(sent, time.Since(out.began))
			if _, err := in.Write(chunk); err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 { // else at the same moment as the last
				time.Sleep(time.Duration(random.IntN(10)) * time.Millisecond)
			}
		}
		ended := time.Since(out.began)
		in.Close()
		carrying.Wait()
		if !bytes.Equal(out.taken, want) {
			t.Fatalf("%d bytes came out of %d, or not the same", len(out.taken), len(want))
		}
		if len(out.at) != len(sent) {
			t.Fatalf("%d pieces came out of %d", len(out.at), len(sent))
		}
		for i := range sent {
			if late := out.at[i] - sent[i]; late != way {
				t.Fatalf("piece %d took %s, want %s", i, late, way)
			}
		}
		if late := out.closed - ended; late != way {
			t.Errorf("the end took %s, want %s", late, way)
		}
	})
}

func TestALineLosesNoThroughput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const way, size = 25 * time.Millisecond, 64 << 20
		out := &sink{began: time.Now()}
		carry(out, io.LimitReader(zeros{}, size), way)
		if took := out.at[len(out.at)-1]; len(out.taken) != size || took != way {
			t.Errorf("%d bytes took %s, want %d in %s", len(out.taken), took, size, way)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestAnEndThatTakesNoMoreEndsTheOther(t *testing.T) {
	t.Parallel()
	source, in := io.Pipe()
	var carrying sync.WaitGroup
	carrying.Go(func() { carry(broken{}, source, 0) })
	for {
		if _, err := in.Write([]byte("x")); err != nil {
			break
		}
	}
	carrying.Wait()
}

func TestAConnectionThroughALineIsThatMuchFarther(t *testing.T) {
	t.Parallel()
	const roundTrip = 100 * time.Millisecond
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var echoing sync.WaitGroup
	defer echoing.Wait()
	defer server.Close()
	echoing.Go(func() {
		c, err := server.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(c, c)
		c.Close()
	})
	line, err := newDelayLine(server.Addr().String(), roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	defer line.close()
	c, err := net.Dial("tcp", line.address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, least := range []time.Duration{2 * roundTrip, roundTrip, roundTrip} { // the first one connects
		began := time.Now()
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < least {
			t.Errorf("echo %d took %s, want at least %s", i, took, least)
		}
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("after the end came %q, %v", rest, err)
	}
}
