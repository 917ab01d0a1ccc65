package gcctl

import (
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
)

// sessionArgs demands a session's name and between min and max further arguments; a negative max means any.
func sessionArgs(min, max int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return usage(cmd, "no session named")
		case args[0] == "":
			return usage(cmd, "the session's name is empty")
		case len(args)-1 < min:
			return usage(cmd, "%s", what)
		case max >= 0 && len(args)-1 > max:
			return usage(cmd, "unexpected argument %q", args[1+max])
		}
		return wire.CheckText(args...)
	}
}

// noArgs demands that there are no arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cmd, "unexpected argument %q", args[0])
	}
	return nil
}

// quoteWord gives s as one word for a shell.
func quoteWord(s string) string {
	safe := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_@%+=:,./-", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !safe(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
