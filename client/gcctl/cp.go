package gcctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gascity/agentd/agentd/wire"
	"github.com/gascity/agentd/agentd/wire/mux"
)

func newCopy(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "cp SRC DST",
		Short: "Copy files and folders into a session and out of it",
		Long: `Copy a file or folder into a session's work dir, out of it, or from one session
to another. SESSION:PATH means a path in a session, relative to its work dir,
which can't be left; anything else is a path here, as is what begins with a slash
or a dot. - is stdin or stdout: a file's bytes, or a folder as a tar.

Where DST is a folder, or ends in a slash, SRC is put into it; elsewhere DST is
its new name. What is there already is replaced, file by file.`,
		Example: `  gcctl cp notes.md demo:
  gcctl cp demo:out/report.html .
  gcctl cp demo:build - | tar tv
  git diff | gcctl cp - demo:change.patch`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage(cmd, "a source and a destination are needed")
			}
			return nil
		},
		ValidArgsFunction: a.completePlace,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.copy(cmd.Context(), cmd, parsePlace(args[0]), parsePlace(args[1]))
		},
	}
}

// place is one side of a copy.
type place struct {
	session string // "" for this machine
	path    string
}

// parsePlace reads SESSION:PATH, or a path here.
func parsePlace(arg string) place {
	session, rest, found := strings.Cut(arg, ":")
	if !found || session == "" || strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, ".") || strings.Contains(session, "/") {
		return place{path: arg}
	}
	return place{session, rest}
}

// into says whether the path itself asks for what is copied to be put into a folder.
func (p place) into() bool { return p.path == "" || strings.HasSuffix(p.path, "/") }

// base is the name that a copy of p gets inside a folder; "" when p is the folder that everything is in.
func (p place) base() string {
	if p.session == "" {
		if abs, err := filepath.Abs(p.path); err == nil { // "." has a name here
			return filepath.Base(abs)
		}
		return filepath.Base(p.path)
	}
	if b := path.Base(p.path); b != "." && b != "/" {
		return b
	}
	return ""
}

func (a *app) copy(ctx context.Context, cmd *cobra.Command, src, dst place) error {
	switch {
	case src.session == "" && dst.session == "":
		return usage(cmd, "neither side is in a session: write it as SESSION:PATH")
	case src.path == "-" && src.session == "":
		return a.explain(ctx, dst.session, a.copyStdin(ctx, cmd, dst))
	case dst.path == "-" && dst.session == "":
		return a.explain(ctx, src.session, a.copyOut(ctx, src, a.toStdout))
	case src.session == "":
		return a.explain(ctx, dst.session, a.copyIn(ctx, src, dst))
	case dst.session == "":
		return a.explain(ctx, src.session, a.copyOut(ctx, src, func(_ context.Context, in *incoming) error { return in.save(ctx, src, dst) }))
	default:
		return a.explain(ctx, dst.session, a.copyAcross(ctx, src, dst))
	}
}

// destination says where in dst's session a copy of src goes.
func (a *app) destination(ctx context.Context, src, dst place) (string, error) {
	at := strings.TrimSuffix(dst.path, "/")
	if dst.into() {
		return path.Join(at, src.base()), nil
	}
	folder, err := a.isFolder(ctx, dst)
	if err != nil || !folder {
		return at, err
	}
	return path.Join(at, src.base()), nil
}

// isFolder looks whether there is a folder at p, by the first entry of its tar.
func (a *app) isFolder(ctx context.Context, p place) (bool, error) {
	var folder bool
	err := a.copyOut(ctx, p, func(_ context.Context, in *incoming) error {
		folder = in.folder()
		return errEnough
	})
	switch wire.CodeOf(err) {
	case wire.CodeNoSession, wire.CodeUnavailable, wire.CodeCanceled, wire.CodeTimeout:
		return false, err
	}
	return folder, nil // what isn't there, or can't be read, is told when it is written
}

// warn tells of something that was left out.
func (a *app) warn(text string) { fmt.Fprintf(a.streams.Err, "warning: %s\n", wire.OneLine(text)) }

// missingFile explains a source that isn't there.
func missingFile(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %q", name)
	}
	return err
}

// put sends the tar that fill writes into a session's work dir.
func (a *app) put(ctx context.Context, session string, fill func(context.Context, io.Writer) error) error {
	return a.hub().Do(ctx, string(wire.OpPut), false, func(ctx context.Context, c *mux.Conn) error {
		k, err := c.Open(ctx, mux.Request{Op: wire.OpPut, Session: session, Body: wire.Put{}})
		if err != nil {
			return err
		}
		defer k.Cancel()
		err = fill(ctx, k)
		if err == nil {
			err = k.CloseWrite()
		}
		if err != nil && !errors.Is(err, io.ErrClosedPipe) {
			return err
		}
		return k.Result(nil) // also tells why the stream was closed early
	})
}

// completePlace completes SESSION: beside the shell's own completion of files.
func (a *app) completePlace(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) >= 2 || strings.ContainsAny(typed, ":/") || strings.HasPrefix(typed, ".") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var places []string
	for _, name := range a.sessionNames(cmd, nil, typed, false) {
		name, _, _ = strings.Cut(name, "\t")
		places = append(places, name+":")
	}
	if files, err := filepath.Glob(globQuote(typed) + "*"); err == nil {
		places = append(places, files...)
	}
	if len(places) == 1 && strings.HasSuffix(places[0], ":") {
		return places, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	}
	return places, cobra.ShellCompDirectiveNoSpace
}

// globQuote makes a pattern that matches text itself.
func globQuote(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(text)
}
