package tarstream

import (
	"io"
	"strings"
	"sync"
)

const (
	// smallFile is the size of the files that are read whole, in bytes, to be written while the next ones are read.
	smallFile = 64 << 10
	// atOnce is how many are written at once, and so, twice, how many are in memory. The kernel makes one file at a time in a folder, and more than this
	// gain nothing.
	atOnce = 3
	// maxPending bounds the names that are remembered.
	maxPending = 1 << 12
)

// writers write small files while the tar is read on. What is on its way is known by its folder and name, so that whatever else has that name waits for it.
type writers struct {
	explain func(name string, err error) error
	todo    chan small
	ended   sync.WaitGroup
	pending map[target]bool // used by the reader of the tar alone
	free    sync.Pool

	mu     sync.Mutex
	idle   *sync.Cond // mu's
	left   int        // handed over and not yet done
	failed error      // the first failure
	count  Count
}

// small is a file that was read.
type small struct {
	file
	data []byte
}

// target is what a file is written to. Its name is in small letters: there are file systems that take A for a.
type target struct {
	device, inode uint64
	base          string
}

func targetOf(at *place, base string) target {
	return target{at.device, at.inode, strings.ToLower(base)}
}

// startWriters starts them. Whoever does must call end.
func startWriters(explain func(string, error) error) *writers {
	w := &writers{explain: explain, todo: make(chan small, atOnce), pending: map[target]bool{}}
	w.idle = sync.NewCond(&w.mu)
	for range atOnce {
		w.ended.Go(w.run)
	}
	return w
}

// end waits until all is written, and gives the first failure.
func (w *writers) end() error {
	close(w.todo)
	w.ended.Wait()
	return w.failed
}

func (w *writers) run() {
	for s := range w.todo {
		err := w.failure()
		if err == nil {
			err = w.explain(s.name, s.make(func(out io.Writer) error {
				_, err := out.Write(s.data)
				return err
			}))
		}
		size := int64(len(s.data))
		w.free.Put(&s.data)
		w.done(size, err)
	}
}

func (w *writers) done(size int64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		w.count.Files++
		w.count.Bytes += size
	} else if w.failed == nil {
		w.failed = err
	}
	if w.left--; w.left == 0 {
		w.idle.Signal()
	}
}

// made counts an entry that the tar's reader made.
func (w *writers) made(size int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count.Files++
	w.count.Bytes += size
}

func (w *writers) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// memory gives so many bytes for a small file.
func (w *writers) memory(size int) []byte {
	if b, ok := w.free.Get().(*[]byte); ok && cap(*b) >= size {
		return (*b)[:size]
	}
	return make([]byte, size, max(size, smallFile))
}

// write hands a file over, whose data was memory's. The error is an earlier one's.
func (w *writers) write(f file, data []byte) error {
	if len(w.pending) == maxPending {
		_ = w.settleAll() // its error is this function's
	}
	w.mu.Lock()
	w.left++
	w.mu.Unlock()
	w.pending[targetOf(f.at, f.base())] = true
	w.todo <- small{f, data}
	return w.failure()
}

// settle waits until nothing is on its way to a name.
func (w *writers) settle(at *place, base string) error {
	if !w.pending[targetOf(at, base)] {
		return nil
	}
	return w.settleAll()
}

// settleAll waits until nothing is on its way.
func (w *writers) settleAll() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.left > 0 {
		w.idle.Wait()
	}
	clear(w.pending)
	return w.failed
}
