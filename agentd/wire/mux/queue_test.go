package mux

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/gascity/agentd/agentd/wire"
)

func TestAQueueGivesWhatCameInItsOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	sizes := []int{0, 1, 3, smallBlock - 1, smallBlock, largeData - 1, largeData, wire.FullChunk, wire.MaxChunk}
	var q queue
	var want, got []byte
	next := byte(0)
	for range 2000 {
		data := make([]byte, sizes[random.IntN(len(sizes))])
		for i := range data {
			next = next*31 + 7
			data[i] = next
		}
		q.add(data)
		want = append(want, data...)
		clear(data) // it was only lent
		p := make([]byte, random.IntN(2*sizes[random.IntN(len(sizes))]+1))
		got = append(got, p[:q.take(p)]...)
		if q.length != len(want)-len(got) {
			t.Fatalf("it says it holds %d bytes, of %d came %d", q.length, len(want), len(got))
		}
	}
	rest := make([]byte, q.length)
	if got = append(got, rest[:q.take(rest)]...); !bytes.Equal(got, want) {
		t.Error("other bytes came out than went in")
	}
	if q.blocks != nil {
		t.Error("an empty queue holds memory")
	}
}

// A peer that sends a byte at a time must not make us hold much more than it has sent.
func TestAQueueOfSmallPiecesIsSmall(t *testing.T) {
	t.Parallel()
	var q queue
	for range wire.InitialCredit {
		q.add([]byte{1})
	}
	held := 0
	for _, b := range q.blocks {
		held += cap(b)
	}
	if held > wire.InitialCredit+smallBlock {
		t.Errorf("%d bytes are held for %d", held, wire.InitialCredit)
	}
}
