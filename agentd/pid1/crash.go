package pid1

import (
	"fmt"
	"time"
)

// Times and counts of restarts.
const (
	// firstDelay is the wait before the first restart; it doubles with each crash within crashWindow, up to lastDelay.
	firstDelay = 100 * time.Millisecond
	lastDelay  = 2 * time.Second
	// More than maxCrashes within crashWindow and init gives up: a failed pod tells more than one that never settles. The delays of
	// so many crashes add up to 3 s.
	maxCrashes  = 5
	crashWindow = 30 * time.Second
)

// crashed is told that serve ended, or did not start, without a result. It plans the restart, or gives up with an error.
func (p *initProcess) crashed(how string) error {
	n := p.crashes.add(time.Now())
	if n > maxCrashes {
		p.Logger.Error("serve crashed too often: giving up", "crashes", n, "within", crashWindow.String(), "last", how)
		return fmt.Errorf("serve crashed %d times within %v; the last %s", n, crashWindow, how)
	}
	delay := restartDelay(n)
	p.Logger.Warn("serve crashed: starting it again", "last", how, "crashes", n, "delay", delay.String())
	p.restart = time.After(delay)
	return nil
}

// crashes are the times of the crashes that count.
type crashes []time.Time

// add counts one more, and gives how many there were within crashWindow.
func (c *crashes) add(now time.Time) int {
	recent := (*c)[:0]
	for _, t := range *c {
		if now.Sub(t) < crashWindow {
			recent = append(recent, t)
		}
	}
	*c = append(recent, now)
	return len(*c)
}

// restartDelay is the wait after the nth crash in a row.
func restartDelay(n int) time.Duration {
	delay := firstDelay
	for range n - 1 {
		delay = min(2*delay, lastDelay)
	}
	return delay
}
