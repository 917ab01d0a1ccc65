package tmux

import "testing"

// The two together are the figure "a capture inside agentd takes at most 1/10 of starting tmux capture-pane".

func BenchmarkCaptureOverControl(b *testing.B) {
	c, _ := testServer(b, "seq 100; cat", nil)
	for b.Loop() {
		if _, err := c.Run(b.Context(), "capture-pane", "-p", "-t", "%0", "-S", "-120"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCaptureByProcess(b *testing.B) {
	_, o := testServer(b, "seq 100; cat", nil)
	for b.Loop() {
		if out, err := o.Command("capture-pane", "-p", "-t", "%0", "-S", "-120").Output(); err != nil || len(out) == 0 {
			b.Fatal(err)
		}
	}
}
