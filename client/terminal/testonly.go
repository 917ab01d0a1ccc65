package terminal

import "os"

// testOnlyPanic says whether "~!" crashes the program: the tests' way to see the terminal given back after a panic.
func testOnlyPanic() bool { return os.Getenv("AGENTD_TESTONLY_PANIC") != "" }
