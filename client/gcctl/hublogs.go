package gcctl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/client/paths"
)

// logPoll is how often a log file is looked at for more. No portable way tells of a file's growth.
const logPoll = 200 * time.Millisecond

type hubLogsOptions struct {
	app    *app
	follow bool
	tail   int
}

func newHubLogs(a *app) *cobra.Command {
	o := &hubLogsOptions{app: a}
	cmd := &cobra.Command{
		Use: "logs", Short: "Print the hub's own log",
		Example:           "  gcctl hub logs -f --tail 20",
		Args:              noArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with what comes, until Ctrl-C")
	cmd.Flags().IntVar(&o.tail, "tail", -1, "print the last `N` lines; -1: all that is kept")
	freeFlags(cmd, "tail")
	return cmd
}

func (o *hubLogsOptions) run(ctx context.Context) error {
	dirs, err := paths.Open()
	if err != nil {
		return err
	}
	name := dirs.Hub(o.app.target.Key()).Log
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !o.follow {
		return fmt.Errorf("no hub has run yet: there is no log at %q", name)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := o.app.streams.Out.Write(lastLines(text, o.tail)); err != nil || !o.follow {
		return err
	}
	return o.followFile(ctx, name, int64(len(text)))
}

// lastLines cuts text to its last n lines; a negative n keeps all.
func lastLines(text []byte, n int) []byte {
	if n < 0 {
		return text
	}
	if n == 0 {
		return nil
	}
	i := len(bytes.TrimSuffix(text, []byte("\n")))
	for range n {
		if i = bytes.LastIndexByte(text[:i], '\n'); i < 0 {
			return text
		}
	}
	return text[i+1:]
}

// followFile prints what is added to a file from offset on. A file that became shorter was begun anew.
func (o *hubLogsOptions) followFile(ctx context.Context, name string, offset int64) error {
	tick := time.NewTicker(logPoll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errInterrupted
		}
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil && info.Size() < offset {
			offset = 0
		}
		var n int64
		if err == nil {
			n, err = io.Copy(o.app.streams.Out, io.NewSectionReader(f, offset, 1<<40))
		}
		offset += n
		f.Close()
		if err != nil {
			return err
		}
	}
}
