package terminal

import "os"

// reopen gives nil: kqueue, by which Go waits, doesn't take every terminal.
func reopen(*os.File) *os.File { return nil }
