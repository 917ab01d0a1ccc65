package gcctl

import (
	"path/filepath"
	"strings"
)

// The names that kubectl finds a plugin by, and what completes its arguments. Both are links to gcctl.
const (
	pluginName    = "kubectl-gc"
	completerName = "kubectl_complete-gc"
)

func startedAs(args []string, name string) bool {
	return len(args) > 0 && strings.TrimSuffix(filepath.Base(args[0]), ".exe") == name
}

// isCompleter says whether kubectl asks how a command line of its gc may go on.
func isCompleter(args []string) bool { return startedAs(args, completerName) }

// programOf is what people call the program that was started so.
func programOf(args []string) string {
	if startedAs(args, pluginName) || isCompleter(args) {
		return "kubectl gc"
	}
	return "gcctl"
}

func (a *app) program() string { return programOf(a.argv) }

// isPlugin says whether this is kubectl's gc.
func (a *app) isPlugin() bool { return a.program() != "gcctl" }

// command is how people begin a command line about the same sessions as this one.
func (a *app) command() string {
	return strings.Join(append([]string{a.program()}, a.place.words()...), " ")
}
