package kube

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/http"
	"testing"

	"github.com/moby/spdystream/spdy"
)

// pieces keeps what is written, piece by piece.
type pieces struct {
	net.Conn
	all [][]byte
}

func (p *pieces) Write(b []byte) (int, error) {
	p.all = append(p.all, bytes.Clone(b))
	return len(b), nil
}

func TestEachFrameIsWrittenInOnePiece(t *testing.T) {
	t.Parallel()
	var plain bytes.Buffer
	whole := &pieces{}
	frames := []spdy.Frame{
		&spdy.SynStreamFrame{StreamId: 1, Headers: http.Header{"Streamtype": {"data"}}},
		&spdy.DataFrame{StreamId: 1, Data: bytes.Repeat([]byte("x"), 70_000)},
		&spdy.DataFrame{StreamId: 1, Data: []byte{}},
		&spdy.PingFrame{Id: 3},
		&spdy.DataFrame{StreamId: 1, Data: []byte("the end"), Flags: spdy.DataFlagFin},
	}
	one, err := spdy.NewFramer(&plain, nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := spdy.NewFramer(&wholeFrames{Conn: whole}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, frame := range frames {
		for _, framer := range []*spdy.Framer{one, two} {
			if err := framer.WriteFrame(frame); err != nil {
				t.Fatal(err)
			}
		}
		if len(whole.all) != i+1 {
			t.Errorf("after %d frames there are %d pieces", i+1, len(whole.all))
		}
	}
	if !bytes.Equal(bytes.Join(whole.all, nil), plain.Bytes()) {
		t.Error("what arrives is something else")
	}
	// However the pieces come.
	again := &pieces{}
	w := &wholeFrames{Conn: again}
	for rest := plain.Bytes(); len(rest) > 0; {
		n := min(len(rest), 1+rand.IntN(100_000))
		if taken, err := w.Write(rest[:n]); taken != n || err != nil {
			t.Fatalf("%d, %v", taken, err)
		}
		rest = rest[n:]
	}
	if len(again.all) != len(frames) || !bytes.Equal(bytes.Join(again.all, nil), plain.Bytes()) {
		t.Errorf("%d pieces", len(again.all))
	}
}
