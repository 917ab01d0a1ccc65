// Package gcctl is the command line for people: sessions are listed, watched, attached to and driven through the hub.
//
// What it promises: stdout is data, stderr is talk. An error is one line that begins with "gcctl: ", followed by a line that begins with "hint: "
// where there is something to try; usage errors exit with status 1. Colour appears on a terminal alone, and not when NO_COLOR is set.
package gcctl
