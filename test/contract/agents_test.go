package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// agentVariable makes this test binary one of the agents below.
const agentVariable = "CONTRACT_AGENT"

// agents are programs that behave in ways which a test needs to be sure of.
var agents = map[string]func(){
	"prompt":  func() { promptAgent(false) },
	"swallow": func() { promptAgent(true) },
	"bytes":   bytesAgent,
}

// agent is the config of such a program. It writes what it is given to the file out.
func agent(name, out string) config {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return config{"command": "exec " + self, "env": map[string]string{agentVariable: name, "OUT": out}}
}

// swallowTime is how long the swallowing agent is deaf to Enter after a paste, as some TUIs are while they take it in.
const swallowTime = 80 * time.Millisecond

// promptAgent is a TUI with an input line: it asks for bracketed pastes, echoes, and writes what was submitted to OUT, one JSON string a line.
func promptAgent(swallow bool) {
	out := openOut()
	raw()
	fmt.Print("\x1b[?2004hready\r\n> ")
	var line []byte
	var pasted time.Time
	pasting := false
	submit := func() {
		b, _ := json.Marshal(string(line))
		fmt.Fprintf(out, "%s\n", b)
		fmt.Printf("\r\ntook %d bytes\r\n> ", len(line))
		line = nil
	}
	var pending []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := os.Stdin.Read(buf)
		if err != nil {
			return
		}
		pending = append(pending, buf[:n]...)
		for len(pending) > 0 {
			switch {
			case bytes.HasPrefix(pending, []byte("\x1b[200~")):
				pasting, pending = true, pending[6:]
			case bytes.HasPrefix(pending, []byte("\x1b[201~")):
				pasting, pending, pasted = false, pending[6:], time.Now()
				fmt.Printf("[pasted %d bytes]", len(line))
			case pending[0] == '\x1b' && len(pending) < 6 && strings.HasPrefix("\x1b[201~", string(pending)):
				n, err := os.Stdin.Read(buf)
				if err != nil {
					return
				}
				pending = append(pending, buf[:n]...)
			case pending[0] == '\r' && !pasting:
				pending = pending[1:]
				if !swallow || time.Since(pasted) > swallowTime {
					submit()
				}
			default:
				line = append(line, pending[0])
				if !pasting {
					_, _ = os.Stdout.Write(pending[:1])
				}
				pending = pending[1:]
			}
		}
	}
}

// bytesAgent writes every byte that it reads to OUT.
func bytesAgent() {
	out := openOut()
	raw()
	fmt.Print("ready\r\n")
	buf := make([]byte, 64<<10)
	for {
		n, err := os.Stdin.Read(buf)
		if err != nil {
			return
		}
		_, _ = out.Write(buf[:n])
	}
}

func openOut() *os.File {
	f, err := os.OpenFile(os.Getenv("OUT"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return f
}

func raw() {
	if _, err := term.MakeRaw(int(os.Stdin.Fd())); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// submitted are the messages in the file that the prompt agent wrote.
func (g *gc) submitted(file string) []string {
	var all []string
	for line := range strings.Lines(g.file(file)) {
		var s string
		if json.Unmarshal([]byte(line), &s) != nil {
			break // being written
		}
		all = append(all, s)
	}
	return all
}
