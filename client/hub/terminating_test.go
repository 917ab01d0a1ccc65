package hub

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gascity/agentd/agentd/wire"
)

// A pod may hang, or its node be gone, when it is told to end.
func TestASessionThatWasToldToEndCountsAsDeadThoughItDoesNotAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{}, newFake(t, "s").running(1, ""))
	f := w.backend.sessions["s"]
	w.linked("s")
	f.fallSilent()
	f.quietly(func() { f.terminating = true })
	var reply wire.ProcessAliveReply
	if err := w.ask(wire.OpProcessAlive, "s", wire.ProcessAlive{Names: []string{"x"}}, &reply); err != nil || reply.Alive {
		t.Errorf("process-alive gives %t, %v", reply.Alive, err)
	}
	if status := w.state("s"); !status.Stopping {
		t.Errorf("the state is %+v", status)
	}
}

// outOfReach is a session that was told to end and whose agentd no hub can ask: its node is lost.
func outOfReach(t *testing.T, c Condition) *fakeSession {
	s := newFake(t, "s").running(1, "")
	s.condition, s.terminating = c, true
	s.refuses, s.revives = errors.New("the node does not answer"), errors.New("no new agentd either")
	return s
}

// The hub is another one than that which saw it alive, as after a reboot of the laptop.
func TestASessionThatWasToldToEndCountsAsDeadForAHubThatNeverSawItAlive(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		condition Condition
		state     wire.State
		listed    int
	}{
		"its agent was launched":         {Reachable, wire.StateRunning, 1},
		"it lost its agentd":             {Orphaned, wire.StateRunning, 1},
		"it has none":                    {Foreign, wire.StateRunning, 1},
		"its agent has ended":            {Ended, wire.StateExited, 0},
		"another process still makes it": {Making, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := outOfReach(t, test.condition)
			f.exit = &wire.Exit{Status: 3}
			w := newWorld(t, Options{}, f)
			began := time.Now()
			status := w.state("s")
			ended := status.State == wire.StateExited && status.Exit != nil && status.Exit.Status == 3
			if status.State != test.state || !status.Stopping || ended != (test.condition == Ended) {
				t.Errorf("the state is %+v, of exit %+v", status, status.Exit)
			}
			var reply wire.ProcessAliveReply
			if err := w.ask(wire.OpProcessAlive, "s", wire.ProcessAlive{Names: []string{"x"}}, &reply); err != nil || reply.Alive {
				t.Errorf("process-alive gives %t, %v", reply.Alive, err)
			}
			var list wire.ListReply
			if err := w.ask(wire.OpList, "", nil, &list); err != nil || len(list.Sessions) != test.listed {
				t.Fatalf("listed is %+v, %v", list, err)
			}
			for _, s := range list.Sessions {
				if !s.Stopping || s.Lost != "" {
					t.Errorf("listed is %+v", s)
				}
			}
			if took := time.Since(began); took > listTime {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A kubelet whose watch pauses after an outage of the API server lets the pod live on for a minute.
func TestTheLinkToWhatIsGoneIsEndedThoughItsAgentdAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		condition Condition
		told      func(f *fakeSession)
		gone      bool
	}{
		"it is gone":                          {condition: Gone, gone: true},
		"it was told to end":                  {condition: Reachable},
		"its backend, for once, was mistaken": {condition: Gone, told: func(f *fakeSession) { f.quietly(func() { f.terminating = false }) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFake(t, "s").running(1, "")
				w := newWorld(t, Options{}, f)
				known := w.linked("s")
				f.quietly(func() { f.condition, f.terminating = test.condition, true })
				time.Sleep(goneLook) // of the bubble's clock
				synctest.Wait()
				if known.isOver() {
					t.Error("the agent's own last words were not waited for")
				}
				if test.told != nil {
					test.told(f)
				}
				time.Sleep(3 * goneLook)
				synctest.Wait()
				if known.isOver() != test.gone {
					t.Errorf("it counts as over: %t", !test.gone)
				}
			})
		})
	}
}
