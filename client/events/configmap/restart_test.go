package configmap

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gascity/agentd/client/events"
	"github.com/gascity/agentd/test/cluster"
)

func TestWhatWasAcknowledgedIsToldOnceAcrossARestartOfTheAPIServer(t *testing.T) {
	c := cluster.Alone(t)
	ns := c.Namespace(t)
	l := open(t, c, ns)
	w := watching(t, open(t, c, ns), 0)
	var writing sync.WaitGroup
	var mu sync.Mutex
	var over atomic.Bool
	acknowledged := map[uint64]string{}
	var before atomic.Int32
	begun := make(chan struct{})
	for i := range 4 {
		writing.Go(func() {
			for n := 0; !over.Load(); n++ {
				message := fmt.Sprintf("%d.%d", i, n)
				got, err := l.Record(t.Context(), events.Record{Event: event(t, `{"message":%q}`, message)})
				if err != nil { // of an outage that was longer than patience
					t.Logf("record %s: %v", message, err)
					continue
				}
				mu.Lock()
				acknowledged[got.Seq] = message
				mu.Unlock()
				if before.Add(1) == 100 {
					close(begun)
				}
			}
		})
	}
	<-begun
	c.Restart(t, cluster.APIServer)
	record(t, l, `{"message":"back"}`)
	over.Store(true)
	writing.Wait()
	record(t, l, `{"message":"end"}`)
	last, told := uint64(0), map[uint64]string{}
	for last == 0 || told[last] != "end" {
		e := w.next(t, 1)[0]
		if e.Seq <= last {
			t.Fatalf("after %d the watch tells %d", last, e.Seq)
		}
		last, told[e.Seq] = e.Seq, e.Message
	}
	for seq, message := range acknowledged {
		if told[seq] != message {
			t.Errorf("of %d: %s the watch tells %q", seq, message, told[seq])
		}
	}
	t.Logf("%d were acknowledged, %d told", len(acknowledged)+2, len(told))
}
