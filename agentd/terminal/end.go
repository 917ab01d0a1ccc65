package terminal

import "time"

// hangupTime is what a program gets to leave after its terminal was hung up. tmux's client leaves within milliseconds.
const hangupTime = 2 * time.Second

// end waits for the program's end, and forces it when it takes too long.
func (t *Terminal) end() {
	// Kill of a program that has ended does nothing: os.Process knows.
	kill := time.AfterFunc(hangupTime, func() { _ = t.cmd.Process.Kill() })
	defer kill.Stop()
	_ = t.Wait()
}
