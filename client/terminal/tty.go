package terminal

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/gascity/agentd/agentd/wire"
)

// ErrNoTerminal says that attach has no terminal to work on.
var ErrNoTerminal = errors.New("attach needs a terminal")

// tty is the terminal that a person sits at: its settings, and its two files.
type tty struct {
	in, out *os.File
	saved   *term.State
}

// openTTY remembers the terminal's settings.
func openTTY(in, out *os.File) (*tty, error) {
	for _, f := range []struct {
		file *os.File
		name string
	}{{in, "standard input"}, {out, "standard output"}} {
		if !term.IsTerminal(int(f.file.Fd())) {
			return nil, fmt.Errorf("%w: %s is none", ErrNoTerminal, f.name)
		}
	}
	t := &tty{in: in, out: out}
	return t, t.save()
}

func (t *tty) save() error {
	saved, err := term.GetState(int(t.in.Fd()))
	if err != nil {
		return fmt.Errorf("read the terminal's settings: %w", err)
	}
	t.saved = saved
	return nil
}

// raw makes the terminal pass every key on.
func (t *tty) raw() error {
	if _, err := term.MakeRaw(int(t.in.Fd())); err != nil {
		return fmt.Errorf("put the terminal into raw mode: %w", err)
	}
	return nil
}

// restore puts the settings back. In the background it does nothing: the terminal is somebody else's then, who has set it up for himself.
func (t *tty) restore() error {
	if !t.foreground() {
		return nil
	}
	if err := term.Restore(int(t.in.Fd()), t.saved); err != nil {
		return fmt.Errorf("restore the terminal: %w", err)
	}
	return nil
}

func (t *tty) foreground() bool {
	group, err := unix.IoctlGetInt(int(t.in.Fd()), unix.TIOCGPGRP)
	// Not our controlling terminal: nobody else manages it.
	return err != nil || group == unix.Getpgrp()
}

// size gives the terminal's size; one that doesn't know it gets 80×24.
func (t *tty) size() wire.Size {
	columns, rows, err := term.GetSize(int(t.out.Fd()))
	if err != nil || columns <= 0 || rows <= 0 {
		return wire.Size{Columns: 80, Rows: 24}
	}
	return wire.Size{Columns: columns, Rows: rows}
}
