package gcctl

import (
	"strings"

	"github.com/spf13/cobra"
)

// shells are those that completion knows.
var shells = []string{"bash", "zsh", "fish"}

func newCompletion(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that completes commands and sessions in a shell",
		Long: `Print a script that makes a shell complete commands, flags and the names of live
sessions. For bash it needs the package bash-completion.`,
		Example: `  source <(gcctl completion bash)     # in ~/.bashrc
  source <(gcctl completion zsh)      # in ~/.zshrc, after compinit
  gcctl completion fish > ~/.config/fish/completions/gcctl.fish`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return usage(cmd, "no shell named")
			case 1:
				return nil
			}
			return usage(cmd, "unexpected argument %q", args[1])
		},
		ValidArgsFunction: cobra.FixedCompletions(shells, cobra.ShellCompDirectiveNoFileComp),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.completion(cmd, args[0]) },
	}
}

func (a *app) completion(cmd *cobra.Command, shell string) error {
	root, out := cmd.Root(), a.streams.Out
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(out, true)
	case "zsh":
		return root.GenZshCompletion(out)
	case "fish":
		return root.GenFishCompletion(out, true)
	}
	return usage(cmd, "unknown shell %q: there are %s", shell, strings.Join(shells, ", "))
}
