package mux

import (
	"sync"

	"github.com/gascity/agentd/agentd/wire"
)

// queue holds bytes that were received and not yet read. They stay in the blocks that they came in: one slice that grows would be copied, and the kernel asked for
// new memory, again and again while megabytes pass through. The zero value is empty, and an empty one holds no memory.
type queue struct {
	blocks [][]byte
	begin  int // of what is left of the first block
	length int
}

const (
	// smallBlock is what a few bytes are held in, so that others find room beside them.
	smallBlock = 512
	// largeData is what is worth a whole block of the pool.
	largeData = wire.MaxChunk / 2
)

// blocks lends memory for the data of a message.
var blocks = sync.Pool{New: func() any { b := make([]byte, wire.MaxChunk); return &b }}

func (q *queue) add(data []byte) {
	if len(data) == 0 {
		return
	}
	q.length += len(data)
	if n := len(q.blocks); n > 0 && cap(q.blocks[n-1])-len(q.blocks[n-1]) >= len(data) {
		q.blocks[n-1] = append(q.blocks[n-1], data...)
		return
	}
	var block []byte
	if len(data) >= largeData {
		block = (*blocks.Get().(*[]byte))[:0]
	} else {
		block = make([]byte, 0, max(len(data), smallBlock))
	}
	q.blocks = append(q.blocks, append(block, data...))
}

// take moves the first bytes to p, and says how many.
func (q *queue) take(p []byte) int {
	taken := 0
	for taken < len(p) && q.length > 0 {
		first := q.blocks[0]
		n := copy(p[taken:], first[q.begin:])
		taken += n
		q.length -= n
		if q.begin += n; q.begin < len(first) {
			continue
		}
		q.begin = 0
		q.blocks[0] = nil
		q.blocks = q.blocks[1:]
		if cap(first) == wire.MaxChunk {
			first = first[:wire.MaxChunk]
			blocks.Put(&first)
		}
	}
	if q.length == 0 {
		q.blocks = nil
	}
	return taken
}
